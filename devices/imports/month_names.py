"""The names of months as spreadsheets write them in dates, in the languages that have names of their own."""

# ruff: noqa: RUF001
from __future__ import annotations

# With what may follow in brackets; what English, German and their neighbours write is in `OF_MANY`.
_NAMES = (
    "gen(?:naio)?|mag(?:gio)?|giu(?:gno)?|lug(?:lio)?|ago(?:sto)?|set(?:t?embre)?|ott(?:obre)?|dic(?:i?embre)?|"
    "ene(?:ro)?|abr(?:il)?|feb(?:br[ae]io|rero)|"
    "fev(?:ereiro)?|out(?:ubro)?|set(?:embro)|dez(?:embro)?|"
    "f[eé]vr?(?:ier)?|avr(?:il)?|juin|juil(?:let)?|ao[uû]t|d[eé]c(?:embre)?|"
    "mrt|maart|mei|maj(?:[au]s?)?|maí|mai[gj]s?|gener|juny|juliol|des(?:ember|embre)?|ág(?:úst)?|nóv(?:ember)?|"
    "oca(?:k)?|şub(?:at)?|nis(?:an)?|haz(?:iran)?|tem(?:muz)?|ağu(?:stos)?|eyl(?:ül)?|eki(?:m)?|kas(?:ım)?|"
    "ara(?:lık)?|"
    "sty(?:cze[nń]|cznia)?|lut(?:y|ego)?|kwi(?:ecie[nń]|etnia)?|cze(?:rwiec|rwca)?|lip(?:iec|ca|anj)?|"
    "sie(?:rpie[nń]|rpnia)?|wrz(?:esie[nń]|eśnia)?|pa[zź](?:dziernika?)?|lis(?:topada?)?|gru(?:dzie[nń]|dnia)?|"
    "(?:tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu)(?:k|kuu(?:ta)?)?|"
    "led(?:en|na)?|úno(?:ra?)?|bře(?:zen|zna)?|dub(?:en|na)?|kvě(?:ten|tna)?|čer(?:ven|vna)?|čvn|čvc|červen(?:ec|ce)|"
    "srp(?:en|na|anj)?|zář(?:í)?|říj(?:en|na)?|pro(?:sinec|since|sinac)?|"
    "márc(?:ius)?|ápr(?:ilis)?|máj(?:us)?|jú[nl](?:ius)?|jún[ai]?|júl[ai]?|szept(?:ember)?|"
    "ian(?:uarie)?|iun(?:ie)?|iul(?:ie)?|noi(?:embrie)?|"
    "sij(?:ečanj)?|velj(?:ača)?|ožu(?:jak)?|tra(?:vanj)?|svi(?:banj)?|kol(?:ovoz)?|ruj(?:an)?|stu(?:deni)?|"
    "avg(?:ust)?|veebr(?:uar)?|märts|juuni|juuli|dets(?:ember)?|jūn(?:ijs)?|jūl(?:ijs)?|"
    "saus(?:is)?|vas(?:aris)?|kov(?:as)?|bal(?:andis)?|geg(?:užė)?|birž(?:elis)?|liep(?:a)?|rugp(?:jūtis)?|"
    "rugs(?:ėjis)?|spal(?:is)?|lapkr(?:itis)?|gruod(?:is)?|agu(?:stus)?|ags|"
    "янв(?:ар[ья])?|фев(?:рал[ья])?|мар(?:та?)?|апр(?:ел[ья])?|ма[йя]|июн[ья]?|июл[ья]?|авг(?:уста?)?|"
    "сен(?:тябр[ья])?|окт(?:ябр[ья])?|ноя(?:бр[ья])?|дек(?:абр[ья])?|"
    "січ(?:ень|ня)?|лют(?:ий|ого)?|бер(?:езень|езня)?|кві(?:тень|тня)?|тра(?:вень|вня)?|чер(?:вень|вня)?|"
    "лип(?:ень|ня)?|сер(?:пень|пня)?|вер(?:есень|есня)?|жов(?:тень|тня)?|лис(?:топада?)?|гру(?:день|дня)?|"
    "ιαν\\w*|φεβ\\w*|μάρ\\w*|μαρ\\w*|απρ\\w*|μάι\\w*|μαΐ\\w*|μαϊ\\w*|ιού[νλ]\\w*|ιου[νλ]\\w*|αύγ\\w*|αυγ\\w*|σεπ\\w*|"
    "οκτ\\w*|νοέ\\w*|νοε\\w*|δεκ\\w*"
)  # fmt: skip
# Of these no word begins with a month and a number of two digits, such as “gen-45” of generators or “set-12”.
_SURE = (
    "gennaio|febbraio|maggio|giugno|luglio|agosto|settembre|ottobre|dicembre|enero|febrero|abril|diciembre|"
    "fevereiro|outubro|setembro|dezembro|f[eé]vr(?:ier)?|avr(?:il)?|juin|juil(?:let)?|ao[uû]t|déc(?:embre)?|decembre|"
    "ene|abr|fev|giu|lug|ott|mrt|maart|şub(?:at)?|ağu(?:stos)?|haz|eyl(?:ül)?|paź|úno|bře|kvě|čer|čvc|zář|říj|"
    "márc|ápr|máj|jú[nl]|szept|янв|фев|мар|апр|май|июн|июл|авг|сен|окт|ноя|дек"
)
_OF_MANY = "jan|feb|m[aä]r|mrz|apr|ma[iy]|ju[nl]|aug|sep|o[ck]t|nov|de[cz]"


def _begin_large_or_small(names: str) -> str:
    """Return the pattern of names, each with a capital or small letter at its beginning; capitals all are no date."""
    return f"(?=(?-i:.[^A-ZÀ-Þ]))(?i:{names})"


MONTH = f"{_begin_large_or_small(f'(?:{_OF_MANY})[a-zü]{{0,6}}|{_NAMES}')}\\.?"
"""Of a day and a month."""
SURE_MONTH = f"{_begin_large_or_small(f'(?:{_OF_MANY})[a-zü]{{0,6}}|{_SURE}')}\\.?"
"""Of a month and a year alone."""
