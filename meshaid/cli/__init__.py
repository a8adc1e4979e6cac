"""The command line: `meshaid`. Only this package knows click, rich and segno."""
