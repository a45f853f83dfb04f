"""Screens, words and their translations. Not responsible for: what a tap means (kiosk/)."""
