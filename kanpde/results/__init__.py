"""What a solve leaves: errors, fields, reports, figures, files of a run folder."""
