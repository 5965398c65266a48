"""The compiler: resolves and analyses syntax trees, and generates Python code from them."""
