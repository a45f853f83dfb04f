"""The rules of the machine. Pure, except loop.py, the unit.py files, demo.py and __main__.py."""
