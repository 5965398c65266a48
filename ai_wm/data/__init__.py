"""The data models of worker management, with settings, policies and totals; imports no other package of `ai_wm`."""
