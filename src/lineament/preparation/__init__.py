"""From a folder of class folders to a `Dataset`: scan, read, find copies, split, write."""
