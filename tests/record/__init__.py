"""Record what anybody outside the code sees, to compare it before and after a change.

    python -m tests.record FOLDER
    python -m tests.record --compare BEFORE AFTER [--ignore-styling] [--ignore PATTERN]

The record is the same bytes each time for the same code. It has the URL map, the help
of every command, the settings, the schema, every mail, and a run through each of the
acceptance events in which every page is fetched and every form is sent.
"""
