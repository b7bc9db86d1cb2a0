"""interlock settles an asset on one ledger against money on another: both legs or neither."""

__version__ = "0.1.0"
