"""The index in a database behind ODBC."""
