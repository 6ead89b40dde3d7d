"""Several worker processes that train one model: how they agree, and who looks after them."""
