"""Parts of the window; they only draw what they are given and say what was pressed."""
