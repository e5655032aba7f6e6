"""
Rules of written languages: spaces between words, ends of sentences, line breaks, widths and direction.

Pure functions over text; they know neither transcripts nor formats. With the extra `languages`, the rules are
Unicode's and CLDR's, from ICU, and Wikimedia's for the ends of sentences. Without it simpler rules apply,
which need only Python.
"""
