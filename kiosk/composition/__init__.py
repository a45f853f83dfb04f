"""The composition root: which driver, which store, which screen stands behind which port of which unit."""
