# ruff: noqa: E501 -- tables of words read best with one row per line
"""What the sample shop sells, as plain data: words in two languages, leaves, brands and tastes.

Every value of an attribute is a :class:`Term`: one canonical name (what the column holds) and the words people use
for it in Chinese and in English. ``query_only`` words never occur in a title, so only a model that knows their
meaning from elsewhere, or sees the picture, can answer a query that uses them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Term:
    """One meaning and its words; the first word of a language is the usual one."""

    name: str
    en: tuple[str, ...]
    zh: tuple[str, ...]
    query_only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Colour:
    """A colour as words and as paint.

    Parameters
    ----------
    term
        Its words.
    rgb
        The fabric's colour, 0-255.
    accent
        The colour of stripes and dots on it; neutral, so that a pattern never looks like another colour.
    family
        ``warm``, ``cool`` or ``neutral``: what a shopper's taste is about.
    """

    term: Term
    rgb: tuple[int, int, int]
    accent: tuple[int, int, int]
    family: str


@dataclass(frozen=True)
class Leaf:
    """A category at the third level.

    Parameters
    ----------
    path
        ``top > middle > leaf``.
    term
        Its words; the name is the last level of the path.
    shape
        The silhouette drawn for it; two leaves that share one are told apart by text alone.
    materials, patterns
        Names of the terms it comes in; repeated names are more frequent.
    sizes
        Size words ``(Chinese, English)``; in the text only.
    price
        Usual price in yuan.
    seasonal
        Whether it carries a season.
    """

    path: str
    term: Term
    shape: str
    materials: tuple[str, ...]
    patterns: tuple[str, ...]
    sizes: tuple[tuple[str, str], ...]
    price: float
    seasonal: bool = False

    @property
    def group(self) -> str:
        """The first level."""
        return self.path.split(" > ")[0]


@dataclass(frozen=True)
class Brand:
    """An invented brand, its price level and the groups it sells in."""

    en: str
    zh: str
    tier: float
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Taste:
    """A latent style of shoppers: what they like, never told to any model."""

    name: str
    families: tuple[str, ...]
    leaves: tuple[str, ...]
    brands: tuple[str, ...]


_WHITE, _INK, _CREAM = (248, 248, 244), (40, 42, 54), (250, 236, 205)

COLOURS: Final = tuple(
    Colour(Term(name, en, zh, query_only), rgb, accent, family)
    for name, en, zh, query_only, rgb, accent, family in (
        ("red", ("red", "crimson", "scarlet"), ("红色", "大红", "正红色"), ("ruby",), (206, 38, 44), _WHITE, "warm"),
        ("orange", ("orange", "tangerine"), ("橙色", "橘色"), ("橘黄",), (240, 128, 32), _CREAM, "warm"),
        ("yellow", ("yellow", "lemon"), ("黄色", "柠檬黄"), ("鹅黄",), (247, 209, 60), _INK, "warm"),
        ("green", ("green", "emerald"), ("绿色", "墨绿"), ("翠绿",), (44, 140, 78), _CREAM, "cool"),
        ("blue", ("blue", "navy", "azure"), ("蓝色", "藏青", "天蓝"), ("cobalt",), (38, 92, 186), _WHITE, "cool"),
        ("purple", ("purple", "violet"), ("紫色", "紫罗兰"), ("lilac",), (124, 68, 166), _CREAM, "cool"),
        ("pink", ("pink", "rose"), ("粉色", "粉红"), ("樱花粉",), (244, 148, 178), _WHITE, "warm"),
        ("brown", ("brown", "chocolate"), ("棕色", "咖啡色"), ("褐色",), (126, 80, 48), _CREAM, "neutral"),
        ("black", ("black", "jet black"), ("黑色", "纯黑"), ("玄色",), (40, 40, 44), (206, 206, 210), "neutral"),
        ("white", ("white", "ivory"), ("白色", "米白"), ("雪白",), (247, 246, 242), (96, 98, 108), "neutral"),
    )
)  # fmt: skip

PATTERNS: Final = (
    Term("solid", ("plain", "solid"), ("纯色", "素色")),
    Term("striped", ("striped", "stripe"), ("条纹", "横条"), ("pinstriped",)),
    Term("dotted", ("polka dot", "dotted"), ("波点", "圆点"), ("spotted",)),
    Term("checked", ("checked", "plaid"), ("格子", "格纹"), ("gingham",)),
    Term("zigzag", ("zigzag", "chevron"), ("人字纹", "锯齿纹"), ("wavy",)),
)

MATERIALS: Final = (
    Term("cotton", ("cotton", "pure cotton"), ("纯棉", "全棉")),
    Term("wool", ("wool", "woollen"), ("羊毛", "毛呢")),
    Term("silk", ("silk", "satin"), ("真丝", "缎面")),
    Term("linen", ("linen", "flax"), ("亚麻", "棉麻")),
    Term("denim", ("denim",), ("牛仔布", "丹宁")),
    Term("leather", ("leather", "cowhide"), ("真皮", "牛皮")),
    Term("mesh", ("mesh", "knit mesh"), ("网面", "飞织")),
    Term("canvas", ("canvas",), ("帆布",)),
    Term("ceramic", ("ceramic", "porcelain"), ("陶瓷", "骨瓷")),
    Term("steel", ("stainless steel", "steel"), ("不锈钢", "钢制")),
    Term("glass", ("glass",), ("玻璃", "高硼硅玻璃")),
    Term("plastic", ("plastic", "ABS"), ("塑料", "树脂")),
    Term("silicone", ("silicone",), ("硅胶", "液态硅胶")),
    Term("aluminium", ("aluminium", "aluminum"), ("铝合金", "航空铝")),
)

SEASONS: Final = (
    Term("spring", ("spring",), ("春季", "春款")),
    Term("summer", ("summer",), ("夏季", "夏款")),
    Term("autumn", ("autumn", "fall"), ("秋季", "秋款")),
    Term("winter", ("winter",), ("冬季", "冬款")),
)

_PRINTS = ("solid", "solid", "striped", "dotted", "checked", "zigzag")
_CLOTHES = tuple((f"{size}码", f"size {size}") for size in ("S", "M", "L", "XL", "XXL"))
_WAISTS = tuple((f"{size}码", f"W{size}") for size in (28, 30, 32, 34))
_SHOES = tuple((f"{size}码", f"EU {size}") for size in range(36, 46))
_CUPS = tuple((f"{size}毫升", f"{size}ml") for size in (250, 350, 500))
_STORAGE = tuple((size, size) for size in ("128GB", "256GB", "512GB"))
_LITRES = tuple((f"{size}升", f"{size}L") for size in (8, 15, 20, 25))
_INCHES = tuple((f"{size}英寸", f"{size} inch") for size in (12, 16, 18))
_FITS = tuple((f"{size}英寸机型", f"for {size} inch") for size in ("6.1", "6.7"))
_ONE = (("均码", "one size"),)

LEAVES: Final = tuple(
    Leaf(f"{path} > {name}", Term(name, en, zh, rare), shape, materials, patterns, sizes, price, seasonal)
    for path, name, en, zh, rare, shape, materials, patterns, sizes, price, seasonal in (
        ("Clothing > Tops", "T-shirt", ("t-shirt", "tee"), ("T恤", "短袖"), ("体恤衫",),
         "tshirt", ("cotton", "linen"), _PRINTS, _CLOTHES, 99, True),
        ("Clothing > Tops", "Shirt", ("shirt", "button-up"), ("衬衫", "衬衣"), (),
         "shirt", ("cotton", "linen", "silk"), _PRINTS, _CLOTHES, 189, True),
        ("Clothing > Tops", "Sweater", ("sweater", "jumper"), ("毛衣", "针织衫"), ("pullover",),
         "sweater", ("wool", "cotton"), _PRINTS, _CLOTHES, 259, True),
        ("Clothing > Bottoms", "Jeans", ("jeans", "denim pants"), ("牛仔裤",), (),
         "trousers", ("denim",), _PRINTS, _WAISTS, 239, True),
        ("Clothing > Bottoms", "Dress trousers", ("dress trousers", "suit pants"), ("西裤", "正装裤"), ("slacks",),
         "trousers", ("wool", "linen"), _PRINTS, _WAISTS, 329, True),
        ("Clothing > Bottoms", "Skirt", ("skirt", "midi skirt"), ("半身裙", "短裙"), (),
         "skirt", ("cotton", "denim", "silk"), _PRINTS, _CLOTHES, 159, True),
        ("Clothing > Dresses", "Day dress", ("day dress", "sundress"), ("连衣裙", "吊带裙"), ("frock",),
         "dress", ("cotton", "linen"), _PRINTS, _CLOTHES, 269, True),
        ("Clothing > Dresses", "Evening gown", ("evening gown", "ball gown"), ("晚礼服", "礼服"), (),
         "dress", ("silk",), _PRINTS, _CLOTHES, 899, True),
        ("Shoes > Sneakers", "Running shoe", ("sneakers", "trainers"), ("运动鞋", "跑鞋"), ("球鞋",),
         "sneaker", ("mesh", "leather", "canvas"), _PRINTS, _SHOES, 399, True),
        ("Shoes > Boots", "Ankle boot", ("ankle boots", "booties"), ("短靴", "踝靴"), ("靴子",),
         "boot", ("leather",), _PRINTS, _SHOES, 559, True),
        ("Shoes > Heels", "High heel", ("high heels", "pumps"), ("高跟鞋", "细跟鞋"), ("stilettos",),
         "heel", ("leather", "silk"), _PRINTS, _SHOES, 459, True),
        ("Bags & Accessories > Bags", "Backpack", ("backpack", "rucksack"), ("双肩包", "背包"), ("书包",),
         "backpack", ("canvas", "leather"), _PRINTS, _LITRES, 219, False),
        ("Bags & Accessories > Bags", "Handbag", ("handbag", "tote bag"), ("手提包", "托特包"), ("purse",),
         "handbag", ("leather", "canvas"), _PRINTS, _LITRES, 499, False),
        ("Bags & Accessories > Hats", "Cap", ("baseball cap", "cap"), ("棒球帽", "鸭舌帽"), ("帽子",),
         "cap", ("cotton", "canvas", "wool"), _PRINTS, _ONE, 69, False),
        ("Home > Kitchen", "Mug", ("mug", "coffee mug"), ("马克杯", "咖啡杯"), (),
         "mug", ("ceramic", "glass"), _PRINTS, _CUPS, 49, False),
        ("Home > Kitchen", "Travel cup", ("travel cup", "insulated tumbler"), ("保温杯", "随行杯"), (),
         "mug", ("steel", "plastic"), _PRINTS, _CUPS, 129, False),
        ("Home > Lighting", "Table lamp", ("table lamp", "desk lamp"), ("台灯", "床头灯"), (),
         "lamp", ("ceramic", "linen", "glass"), _PRINTS, _INCHES, 199, False),
        ("Home > Textiles", "Cushion", ("cushion", "throw pillow"), ("抱枕", "靠垫"), (),
         "cushion", ("cotton", "linen", "silk"), _PRINTS, _INCHES, 79, False),
        ("Electronics > Phones", "Smartphone", ("smartphone", "mobile phone"), ("智能手机", "手机"), ("handset",),
         "phone", ("glass", "aluminium"), _PRINTS, _STORAGE, 2999, False),
        ("Electronics > Phones", "Phone case", ("phone case", "phone cover"), ("手机壳", "保护套"), (),
         "phone", ("silicone", "leather", "plastic"), _PRINTS, _FITS, 39, False),
        ("Electronics > Audio", "Headphones", ("headphones", "headset"), ("头戴式耳机", "耳机"), (),
         "headphones", ("plastic", "leather", "aluminium"), _PRINTS, _ONE, 699, False),
    )
)  # fmt: skip

OCCASIONS: Final = {
    "T-shirt": ("leisure", "sport"), "Shirt": ("work",), "Sweater": ("leisure",), "Jeans": ("leisure",),
    "Dress trousers": ("work",), "Skirt": ("leisure",), "Day dress": ("leisure",), "Evening gown": ("party",),
    "Running shoe": ("sport",), "Ankle boot": ("leisure",), "High heel": ("party",), "Backpack": ("sport", "travel"),
    "Handbag": ("work",), "Cap": ("leisure", "sport"), "Mug": ("home",), "Travel cup": ("travel",),
    "Table lamp": ("home",), "Cushion": ("home",), "Smartphone": ("work",), "Phone case": ("travel",),
    "Headphones": ("leisure", "travel"),
    "silk": ("party",), "leather": ("work",), "mesh": ("sport",), "steel": ("travel",), "canvas": ("travel",),
}  # fmt: skip
"""What leaves, and materials, are good for: a product is good for what either is, often for several things."""

BRANDS: Final = (
    Brand("Norvik", "诺维克", 1.0, ("Clothing", "Shoes")),
    Brand("Lanyue", "蓝月", 0.8, ("Clothing", "Home")),
    Brand("Maison Ardel", "雅黛", 1.8, ("Clothing", "Bags & Accessories", "Shoes")),
    Brand("Qingshan", "青山", 0.9, ("Clothing", "Bags & Accessories")),
    Brand("Swiftrun", "疾风", 1.2, ("Shoes", "Bags & Accessories")),
    Brand("Tessaro", "泰莎", 1.6, ("Shoes", "Bags & Accessories")),
    Brand("Homeleaf", "叶家", 1.0, ("Home",)),
    Brand("Yunjian", "云间", 1.3, ("Home", "Electronics")),
    Brand("Voltara", "沃塔", 1.4, ("Electronics",)),
    Brand("Pixelon", "像素龙", 0.8, ("Electronics",)),
)

TASTES: Final = (
    Taste("sporty", ("cool",), ("Running shoe", "T-shirt", "Cap", "Backpack"), ("Swiftrun", "Norvik")),
    Taste("elegant", ("warm",), ("Evening gown", "High heel", "Handbag", "Skirt"), ("Maison Ardel", "Tessaro")),
    Taste("office", ("neutral",), ("Shirt", "Dress trousers", "Ankle boot", "Handbag"), ("Norvik", "Tessaro")),
    Taste("homely", ("warm",), ("Mug", "Table lamp", "Cushion", "Sweater"), ("Homeleaf", "Lanyue")),
    Taste("gadget", ("neutral", "cool"), ("Smartphone", "Phone case", "Headphones", "Travel cup"), ("Voltara", "Yunjian")),
    Taste("breezy", ("cool", "warm"), ("Day dress", "Jeans", "Skirt", "T-shirt"), ("Lanyue", "Qingshan")),
)  # fmt: skip

TERMS: Final = {
    "color": {colour.term.name: colour.term for colour in COLOURS},
    "pattern": {term.name: term for term in PATTERNS},
    "material": {term.name: term for term in MATERIALS},
    "season": {term.name: term for term in SEASONS},
    "leaf": {leaf.term.name: leaf.term for leaf in LEAVES},
}
"""Terms by attribute and canonical name."""
