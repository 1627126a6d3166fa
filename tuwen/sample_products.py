"""Invent products: a design (what is true), a text that tells part of it, pictures that show part.

The picture alone shows what the text leaves out of colour and pattern; the text alone tells
material, season, size, brand and model, and which of two leaves with the same silhouette it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from core_embeddings.columns import VALUE_SEPARATOR, Columns
from tuwen.sample_render import Look
from tuwen.sample_taxonomy import BRANDS, COLOURS, LEAVES, OCCASIONS, TERMS, Brand, Leaf, Term

Language = Literal["zh", "en", "mixed"]
ATTRIBUTES: Final = ("color", "pattern", "material", "season")
"""Attribute columns with one word; ``occasion`` has several, ``price`` is the one with numbers."""

LANGUAGE_SHARES: Final[dict[Language, float]] = {"zh": 0.4, "en": 0.4, "mixed": 0.2}
_MISSING_TEXT, _MISSING_IMAGE, _DUPLICATE = 0.05, 0.05, 0.03
_SECOND_IMAGE, _NO_DESCRIPTION, _BLANK_CELL = 0.04, 0.25, 0.03


@dataclass(frozen=True)
class Design:
    """What is true of a product, whether or not its row says so; ``season`` may be ""."""

    leaf: Leaf
    color: str
    pattern: str
    material: str
    season: str
    brand: Brand
    model: str
    size: tuple[str, str]
    price: float

    @property
    def look(self) -> Look:
        """What a picture of it shows."""
        return Look(self.leaf.shape, self.color, self.pattern)

    @property
    def occasions(self) -> tuple[str, ...]:
        """What it is good for, sorted; at least one thing."""
        kinds = (self.leaf.term.name, self.material)
        return tuple(sorted({name for kind in kinds for name in OCCASIONS.get(kind, ())}))

    def value(self, attribute: str) -> str:
        """Return the canonical name of ``leaf`` or of an attribute."""
        return self.leaf.term.name if attribute == "leaf" else str(getattr(self, attribute))


@dataclass(frozen=True)
class Product:
    """One row of the catalogue, with what is known of its making.

    Parameters
    ----------
    product_id, title, description, brand
        Cells; "" where missing.
    design
        The truth.
    language
        Of its text.
    said
        Attributes of the design that the text mentions.
    pictures
        Paths relative to the table.
    blank
        Columns left empty although the truth is known.
    copy_of
        The id of the product this is a near-duplicate of, or "".
    same_picture
        Whether a near-duplicate reuses the other's picture byte for byte.
    """

    product_id: str
    design: Design
    language: Language
    title: str
    description: str
    brand: str
    said: tuple[str, ...]
    pictures: tuple[str, ...]
    blank: tuple[str, ...] = ()
    copy_of: str = ""
    same_picture: bool = False

    def cells(self) -> dict[str, str]:
        """Return the row as it stands in the table; prices are text, as shops export them."""
        cells = {
            Columns.PRODUCT: self.product_id,
            Columns.TITLE: self.title,
            Columns.DESCRIPTION: self.description,
            Columns.CATEGORY: self.design.leaf.path,
            Columns.BRAND: self.brand,
            Columns.IMAGE: VALUE_SEPARATOR.join(self.pictures),
            **{name: self.design.value(name) for name in ATTRIBUTES},
            "occasion": VALUE_SEPARATOR.join(self.design.occasions),
            "price": f"{self.design.price:.2f}",
        }
        return cells | dict.fromkeys(self.blank, "")


def plan_products(
    count: int, generator: np.random.Generator, *, prefix: str = "P", plain: bool = False
) -> list[Product]:
    """Invent ``count`` products.

    Parameters
    ----------
    count
        How many.
    generator
        Source of all chance.
    prefix
        First letter of the ids; one in fifty ids is digits with leading zeros instead.
    plain
        Whether to leave out missing texts, missing pictures, blank cells and near-duplicates, and
        to tell colour and pattern in every title.
    """
    languages = _deal(LANGUAGE_SHARES, count, generator)
    order = [int(row) for row in generator.permutation(count)]
    sizes = [0 if plain else round(count * s) for s in (_MISSING_TEXT, _MISSING_IMAGE, _DUPLICATE)]
    cuts = np.cumsum(sizes)
    textless, imageless = set(order[: cuts[0]]), set(order[cuts[0] : cuts[1]])
    products = []
    for row in range(count):
        name = f"{row + 1:04d}" if row % 50 == 6 and not plain else f"{prefix}{row + 1:05d}"
        draft = _invent(name, languages[row], generator, outspoken=plain or row in imageless)
        if row in imageless:
            draft = replace(draft, pictures=())
        products.append(_strip(draft) if row in textless else draft)
    if plain:
        return products
    _copy(products, order[cuts[1] : cuts[2]], order[cuts[2] :], generator)
    return [_forget_cells(product, generator) for product in products]


def choose_word(term: Term, language: str, generator: np.random.Generator) -> str:
    """Return a word for ``term``: the usual one half of the time; mixed takes either tongue."""
    if language == "mixed":
        language = "zh" if generator.random() < 0.5 else "en"
    words = term.zh if language == "zh" else term.en
    return words[0] if generator.random() < 0.5 else words[int(generator.integers(len(words)))]


def _deal(
    shares: dict[Language, float], count: int, generator: np.random.Generator
) -> list[Language]:
    """Return labels in exact shares, shuffled."""
    borders = np.round(np.cumsum(list(shares.values())) * count).astype(int)
    labels = list(shares)
    dealt = [labels[int(np.searchsorted(borders, row, side="right"))] for row in range(count)]
    return [dealt[int(row)] for row in generator.permutation(count)]


def _invent(
    name: str, language: Language, generator: np.random.Generator, *, outspoken: bool
) -> Product:
    design = _design(generator)
    described = generator.random() >= _NO_DESCRIPTION
    shown = [word for word in ("color", "pattern") if outspoken or generator.random() < 0.45]
    told = ["material", "season"] if design.season else ["material"]
    titled = {*shown, *(name for name in told if not described or generator.random() < 0.5)}
    pictures = [f"images/{name}.jpg"]
    if not outspoken and generator.random() < _SECOND_IMAGE:
        pictures.append(f"images/{name}-2.png")
    return Product(
        product_id=name,
        design=design,
        language=language,
        title=_title(design, titled, language, generator),
        description=_description(design, language, generator) if described else "",
        brand=design.brand.zh if language == "zh" else design.brand.en,
        said=tuple(name for name in ATTRIBUTES if name in (*shown, *told)),
        pictures=tuple(pictures),
    )


def _design(generator: np.random.Generator) -> Design:
    leaf = LEAVES[int(generator.integers(len(LEAVES)))]
    makers = [brand for brand in BRANDS if leaf.group in brand.groups]
    brand = makers[int(generator.integers(len(makers)))]
    return Design(
        leaf=leaf,
        color=COLOURS[int(generator.integers(len(COLOURS)))].term.name,
        pattern=_any(leaf.patterns, generator),
        material=_any(leaf.materials, generator),
        season=_any(tuple(TERMS["season"]), generator) if leaf.seasonal else "",
        brand=brand,
        model=f"{brand.en[:2].upper()}-{int(generator.integers(1000, 10000))}",
        size=leaf.sizes[int(generator.integers(len(leaf.sizes)))],
        price=round(leaf.price * brand.tier * float(generator.lognormal(0, 0.18)), 2),
    )


def _any(names: tuple[str, ...], generator: np.random.Generator) -> str:
    return names[int(generator.integers(len(names)))]


def _title(
    design: Design, titled: set[str], language: Language, generator: np.random.Generator
) -> str:
    words = [
        choose_word(TERMS[name][design.value(name)], language, generator)
        for name in ("season", "color", "pattern", "material", "leaf")
        if name in titled or name == "leaf"
    ]
    size = design.size[0 if language == "zh" else 1]
    tail = [design.model] if generator.random() < 0.4 else []
    if language == "zh":
        return " ".join([design.brand.zh, "".join(words), size, *tail])
    return " ".join([design.brand.en, *words, size, *tail])


def _description(design: Design, language: Language, generator: np.random.Generator) -> str:
    tongue = (
        "en" if language == "en" or (language == "mixed" and generator.random() < 0.5) else "zh"
    )
    material = choose_word(TERMS["material"][design.material], tongue, generator)
    season = TERMS["season"].get(design.season)
    when = choose_word(season, tongue, generator) if season else ""
    if tongue == "zh":
        endings = ("七天无理由退换。", "做工精细，送礼自用皆可。", "日常百搭，轻便耐用。")
        return f"材质：{material}。" + (f"适合{when}。" if when else "") + _any(endings, generator)
    endings = (
        "Free returns for 7 days.",
        "Made with care, a good gift.",
        "Light and made to last.",
    )
    return f"Made of {material}. " + (f"For {when}. " if when else "") + _any(endings, generator)


def _strip(product: Product) -> Product:
    return replace(product, title="", description="", brand="", said=())


def _copy(
    products: list[Product], copies: list[int], others: list[int], generator: np.random.Generator
) -> None:
    """Turn some products into near-duplicates: a repost, or the same thing photographed anew."""
    for place, (row, source) in enumerate(zip(copies, others, strict=False)):
        name, original = products[row].product_id, products[source]
        words = {"zh": ("新款 {}", "{} 正品"), "en": ("New {}", "{} (original)")}
        frame = _any(words.get(original.language, ("2026 {}", "{} 正品")), generator)
        products[row] = replace(
            original,
            product_id=name,
            title=frame.format(original.title),
            pictures=(f"images/{name}.jpg",),
            copy_of=original.product_id,
            same_picture=place % 3 == 0,
        )


def _forget_cells(product: Product, generator: np.random.Generator) -> Product:
    if generator.random() >= _BLANK_CELL:
        return product
    return replace(product, blank=(_any((*ATTRIBUTES, Columns.CATEGORY), generator),))
