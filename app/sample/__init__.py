"""An invented shop to try the service on: its items, its shoppers and what they bought."""

from app.sample.files import write_shop
from app.sample.shop import Shop, make_shop
from app.sample.shoppers import Shopper, appeal

__all__ = ["Shop", "Shopper", "appeal", "make_shop", "write_shop"]
