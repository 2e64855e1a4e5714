"""Problems of one coordinate whose conditions all stand at one end."""
