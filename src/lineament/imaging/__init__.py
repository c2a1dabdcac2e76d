"""From image files to arrays and back: decode, preprocess, render; numpy and Pillow alone."""
