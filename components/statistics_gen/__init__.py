"""StatisticsGen: what is in the face examples, in figures."""
