"""What the indexes in database servers share: sessions, their repair, schema and statements."""
