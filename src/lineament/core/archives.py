"""Archives: what all who read zip and tar files must agree on."""

ZIP_SUFFIX = ".zip"
TAR_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
SUFFIXES = (ZIP_SUFFIX, *TAR_SUFFIXES)
MAC_FOLDER = "__MACOSX"  # what macOS puts beside every file it packs
MAX_MEMBER_BYTES = 300_000_000  # the largest photo that is decoded is 268 MB as plain RGB
DAMAGED = "damaged in the archive"
