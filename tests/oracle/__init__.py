"""A plain tree walker over the syntax tree: what the compiled language is compared with.

It is written from the language reference alone and shares no code with the compiler or the runtime but the value
classes and their text form.  Speed does not matter here, so every value is copied whole wherever it is stored.
"""
