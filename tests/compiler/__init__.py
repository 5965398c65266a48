"""The compiler's stages, seen through what programs do."""
