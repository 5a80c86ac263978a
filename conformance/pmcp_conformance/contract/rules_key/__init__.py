"""KEY: two keys are two records, whatever their ids look like, and ids come back verbatim."""
