"""Code generation: from analysed programs to Python syntax trees and code objects."""
