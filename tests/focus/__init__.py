"""`make focus`: does the export keep to the standard, and would the checkers notice if it did not?"""
