"""Situations that users of other programs have met with real providers, played by small servers.

Each test is named after its situation.  The kinds behind them have their own tests, in the modules beside this package.
"""
