"""The defects that released libraries are known to have, and how a run meets them."""
