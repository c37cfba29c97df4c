"""Views of a report and of the events that led to it; each is a module, found by its name.

Decides nothing here. Views never run a tool and never decide what an ending means.
"""
