"""Sources: everything that photos can be prepared from, each giving a layout and its contents."""
