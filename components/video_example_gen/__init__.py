"""VideoExampleGen: from the data sets on disk to a manifest of videos, each with a label, a split and its people."""
