"""What a user is promised, one test a sentence, through the public surface: command line, API, pages.

`python -m tests.promises --against COMMIT` runs these tests on the code of another commit and prints
a table: sentence, test, and how that commit failed it. They import by names that version 0.1.0 had.
"""
