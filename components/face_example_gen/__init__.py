"""FaceExampleGen: decode videos, find and follow the main face, align it, write TFRecords."""
