"""The door of an unstaffed branch: who may enter now, and what the door is doing."""
