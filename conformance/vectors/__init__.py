"""Test vectors in no language: cases that the text decides, written as JSON, and who runs them.

What must live here: how cases are found (``gather``), decided by the model (``follow``), made short and written
(``fill``), and run against a server from the files alone (``runner``), which knows nothing of the text.
"""
