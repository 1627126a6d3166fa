"""What shops call things in Chinese and in English: translations that need not be guessed."""

from __future__ import annotations

from functools import cache
from typing import Final

_PAIRS: Final = """
    红色 red; 红 red; 大红 red; 深红 dark red; 酒红 burgundy; 酒红色 burgundy; 橙色 orange;
    橘色 orange; 黄色 yellow; 黄 yellow; 芥末黄 mustard; 绿色 green; 绿 green; 深绿 dark green;
    军绿 khaki green; 军绿色 khaki green; 墨绿色 dark green; 薄荷绿 mint; 橄榄绿 olive;
    青色 cyan/teal; 青绿色 turquoise; 蓝色 blue; 蓝 blue; 深蓝 dark blue; 深蓝色 navy; 藏青 navy;
    藏青色 navy; 藏蓝色 navy; 浅蓝色 light blue; 天蓝色 sky blue; 宝蓝色 royal blue; 紫色 purple;
    紫 purple; 浅紫色 lilac/lavender; 粉色 pink; 粉红 pink; 粉红色 pink; 粉 pink;
    玫红色 fuchsia/magenta; 珊瑚色 coral; 桃色 peach; 黑色 black; 黑 black; 白色 white; 白 white;
    米白 cream; 米白色 cream; 乳白色 off white; 灰色 grey/gray; 灰 grey/gray; 深灰色 dark grey;
    浅灰色 light grey; 炭灰色 charcoal; 棕色 brown; 咖啡色 brown/coffee; 褐色 brown; 米色 beige;
    杏色 apricot/beige; 卡其色 khaki; 卡其 khaki; 驼色 camel; 金色 gold; 银色 silver;
    古铜色 bronze; 铜色 copper; 玫瑰金 rose gold; 彩色 multicolour/multi; 多色 multi;
    透明 transparent;

    衣服 clothes; 服装 clothing/apparel; 连衣裙 dress; 裙子 skirt/dress; 长裙 maxi dress;
    短裙 mini skirt; 半身裙 skirt; 半裙 skirt; 百褶裙 pleated skirt; 礼服 gown; 旗袍 cheongsam;
    上衣 top; 上装 top; 衬衫 shirt; 衬衣 shirt; 女衬衫 blouse; 罩衫 blouse; 雪纺衫 chiffon blouse;
    t恤 tshirt; 短袖 short sleeve; 长袖 long sleeve; 无袖 sleeveless; 背心 vest top; 吊带 strap;
    吊带衫 camisole; 马甲 waistcoat/vest; 毛衣 sweater/jumper; 针织衫 knitwear/sweater;
    针织 knitted/knit; 开衫 cardigan; 卫衣 sweatshirt; 连帽衫 hoodie; 帽衫 hoodie;
    外套 jacket/outerwear; 夹克 jacket; 大衣 coat; 风衣 trench coat; 羽绒服 down jacket;
    棉服 padded jacket; 皮衣 leather/jacket; 西装 suit/blazer; 西服 suit/blazer; 西装外套 blazer;
    裤子 trousers/pants; 长裤 trousers; 短裤 shorts; 牛仔裤 jeans; 牛仔 denim;
    休闲裤 chinos/casual trousers; 运动裤 joggers/track pants; 打底裤 leggings;
    紧身裤 leggings/tights; 连裤袜 tights; 阔腿裤 wide trousers; 连体裤 jumpsuit;
    背带裤 dungarees; 套装 set; 睡衣 pyjamas/nightwear; 睡裙 nightdress; 睡袍 robe; 浴袍 bathrobe;
    内衣 underwear/lingerie; 内裤 briefs; 文胸 bra; 胸罩 bra; 泳衣 swimsuit/swimwear;
    泳装 swimwear; 泳裤 swim shorts; 比基尼 bikini; 运动服 sportswear/tracksuit; 纱丽 saree;
    库尔塔 kurta; 婴儿服 bodysuit; 连体衣 bodysuit; 校服 uniform; 雨衣 raincoat;

    鞋 shoe; 鞋子 shoes; 运动鞋 sneakers/sports shoes; 跑鞋 running shoes; 球鞋 sneakers;
    休闲鞋 casual shoes; 皮鞋 formal shoes; 高跟鞋 heels/pumps; 平底鞋 flats; 凉鞋 sandals;
    拖鞋 slippers/flip flops; 人字拖 flip flops; 靴子 boots; 短靴 ankle boots; 长靴 boots;
    乐福鞋 loafers; 帆布鞋 canvas shoes; 袜子 socks; 袜 socks; 丝袜 stockings/tights;

    包 bag; 包包 bag; 手提包 handbag; 手袋 handbag; 单肩包 shoulder bag; 双肩包 backpack;
    背包 backpack; 书包 backpack; 钱包 wallet; 手拿包 clutch; 旅行包 duffel bag;
    行李箱 suitcase/trolley; 腰包 waist bag; 帽子 hat/cap; 棒球帽 cap; 围巾 scarf; 丝巾 scarf;
    手套 gloves; 腰带 belt; 皮带 belt; 领带 tie; 领结 bow tie; 太阳镜 sunglasses; 墨镜 sunglasses;
    眼镜 glasses; 手表 watch; 腕表 watch; 首饰 jewellery; 珠宝 jewellery; 项链 necklace;
    耳环 earring/earrings; 耳钉 studs/earring; 戒指 ring; 手镯 bangle/bracelet; 手链 bracelet;
    吊坠 pendant; 胸针 brooch; 发夹 hair clip; 发带 hairband; 发圈 hair tie; 雨伞 umbrella;
    香水 perfume; 口红 lipstick; 指甲油 nail polish; 面霜 moisturiser/cream; 洗发水 shampoo;
    护肤 skin care;

    棉 cotton; 纯棉 cotton; 羊毛 wool; 羊绒 cashmere; 真丝 silk; 丝绸 silk; 亚麻 linen;
    皮革 leather; 皮 leather; 真皮 leather; 麂皮 suede; 蕾丝 lace; 雪纺 chiffon; 缎面 satin;
    天鹅绒 velvet; 灯芯绒 corduroy; 涤纶 polyester; 尼龙 nylon; 帆布 canvas; 纯色 solid;
    条纹 stripe/striped; 格子 check/checked; 格纹 check/checked; 碎花 floral/flower; 花卉 floral;
    印花 print/printed; 波点 dots; 圆点 dots; 豹纹 leopard; 刺绣 embroidery; 荷叶边 frill;
    褶皱 pleated; 破洞 ripped; 修身 slim/fitted; 宽松 loose; 高腰 high waist; 圆领 round neck;
    v领 v neck; 高领 turtleneck/polo neck; 翻领 collar; 口袋 pocket; 拉链 zip; 纽扣 button;
    蝴蝶结 bow;

    男 men/mens; 女 women/ladies; 男士 men/mens; 女士 women/ladies; 男装 menswear/men;
    女装 womenswear/ladies; 男孩 boys/boy; 女孩 girls/girl; 儿童 kids/children;
    童装 children/kids; 婴儿 baby; 孕妇 maternity; 中性 unisex; 春季 spring; 夏季 summer;
    秋季 autumn/fall; 冬季 winter; 春天 spring; 夏天 summer; 秋天 autumn/fall; 冬天 winter;
    休闲 casual; 正式 formal; 运动 sports/sport; 派对 party; 民族 ethnic; 旅行 travel; 居家 home;
    户外 outdoor; 复古 vintage; 新款 new; 大码 plus;

    手机 phone; 电脑 computer; 笔记本电脑 laptop; 平板 tablet; 耳机 headphones/earphones;
    键盘 keyboard; 鼠标 mouse; 相机 camera; 充电器 charger; 音箱 speaker; 台灯 lamp;
    灯 lamp/light; 椅子 chair; 桌子 table; 沙发 sofa; 床 bed; 枕头 pillow; 毛巾 towel; 床单 sheet;
    被子 duvet/quilt; 窗帘 curtain; 地毯 rug/carpet; 杯子 cup/mug; 碗 bowl; 盘子 plate;
    锅 pot/pan; 刀 knife; 花瓶 vase; 镜子 mirror; 玩具 toy; 书 book; 笔 pen; 自行车 bicycle/bike;
    水果 fruit; 苹果 apple; 茶 tea; 咖啡 coffee; 牛奶 milk; 酒店 hotel
"""
"""A Chinese word and what it is called in English, by one phrase or several ones."""


def translations(word: str) -> tuple[str, ...]:
    """Return what a word is called in the other language; () where it is not listed.

    >>> translations("裤子"), translations("shorts"), translations("jabberwocky")
    (('trousers', 'pants'), ('短裤',), ())
    """
    return _both_ways().get(word, ())


@cache
def _both_ways() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for entry in _PAIRS.split(";"):
        chinese, called = entry.strip().split(" ", 1)
        for english in called.split("/"):
            found.setdefault(chinese, []).append(english)
            found.setdefault(english, []).append(chinese)
    return {word: tuple(others) for word, others in found.items()}
