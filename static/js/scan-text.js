// What a scanned text is, as far as a browser can tell. The server has the last word: what may be a
// label by its rule (provisioning/scanning) is a candidate here.
"use strict";

globalThis.ScanText = (() => {
  const FOREIGN = [
    [/^WIFI:/i, "a Wi-Fi code"],
    [/^DPP:/i, "a Wi-Fi Easy Connect (DPP) code"],
    [/^(BEGIN:VCARD|MECARD:|BIZCARD:)/i, "a contact card"],
    [/^(BEGIN:VCALENDAR|BEGIN:VEVENT)/i, "a calendar entry"],
    [/^(BCD|SPC)\n/, "a payment code"],
    [/^(SPD\*|(upi|bitcoin|ethereum|lightning|paypal):)/i, "a payment code"],
    [/^000201[^]{44,}$/, "a payment code"],
    [/^tel:/i, "a telephone number"],
    [/^(sms|smsto|mms|mmsto):/i, "a text message"],
    [/^(mailto|matmsg|smtp):/i, "an e-mail address"],
    [/^geo:/i, "a place on a map"],
    [/^otpauth(-migration)?:/i, "a two-factor code"],
    [/^(MT:[0-9A-Z.-]{19,}|X-HM:)/, "a smart-home pairing code"],
    [/^(Z:[0-9A-F]{16}\$I:|ZB\d?:|G\$M:)/i, "a Zigbee installation code"],
    [/^90\d{50,}$/, "a Z-Wave SmartStart code"],
    [/^(\+[A-Z]\d{3}|=\/[A-Z0-9]{4})/, "a UDI of a medical device"],
    [/^LPA:1\$/i, "an eSIM's activation code"],
  ];
  const CERTAIN = /^((bitcoin|ethereum|lightning):[0-9a-z]{25,}|000201\d{40,})/i; // long as a serial, and none
  const SERIAL = /^[0-9A-Z._:]{1,64}$/;
  // Names before values, as devices/identity/named_values.py has them; what both read: label_cases.py.
  const NAMED_SERIAL = String.raw`S\s*/\s*N|N\s*/\s*S|S\.\s?N|S-N|[FDPM]?SN\d?|SNR|SER(?:IAL)?|SERIEN|S[EÉ]RIE`;
  const NUMBER = String.raw`(?:\.?[\s_-]*(?:NO|NR|NUM|NUMBER|NUMMER|CODE|#))?`;
  const SER = String.raw`SER(?:IEN)?(?:\.?[\s_-]*(?:NO|NR|NUM|NUMBER|NUMMER)(?![0-9A-Z])|\.)`;
  const DEVICE = "(?:DEVICE|DEV|UNIT|PRODUCT|HW|HARDWARE)";
  const RADIO = "(?:WIFI|WI-FI|WLAN|LAN|ETH|ETHERNET|BLE|BT|BLUETOOTH)";
  const NAMED_ADDRESS =
    String.raw`(?:${RADIO}[\s_-]*)?MAC(?:[\s_-]*(?:ADDR|ADDRESS|ID))?(?:\s?\d)?` +
    String.raw`|DEV[\s_-]*EUI|EUI(?:[\s_-]?(?:48|64))?|IMEI(?:\s?\d)?`;
  const OTHER =
    String.raw`GATEWAY|GW|PARENT|BASE(?:\s?STATION)?|OLD|ALTE?|PREV(?:IOUS)?|FORMER|ORIG(?:INAL)?|REPLAC(?:ES?|ED|ING|EMENT)|ERSETZT` +
    String.raw`|BATT?(?:ERY|ERIE)?|AKKU|CHARGER|[UE]?SIM|MODEM|HOST|HUB|ROUTER|BRIDGE|MASTER|CONTROLLER|CHILD|PEER|SLAVE|NEIGHBOU?R` +
    String.raw`|ANTENNA|ADAPT[EO]R|PSU|POWER\s?SUPPLY|CARTON|BOX|PALLET|LINKED|PAIRED|REMOTE`;
  const RANKS = [
    new RegExp(String.raw`^(?:${DEVICE}[\s_-]*)?(?:${NAMED_SERIAL})${NUMBER}\.?$`, "i"),
    new RegExp(String.raw`^(?:${NAMED_ADDRESS}|${RADIO})\.?$`, "i"),
  ];
  const OF_RADIO = new RegExp(String.raw`^${RADIO}\.?$`, "i");
  const NAME = new RegExp(
    String.raw`(^|[^0-9A-Za-z_-])((?:${DEVICE}[\s_-]*)?(?:${NAMED_SERIAL})${NUMBER}|${NAMED_ADDRESS}|${RADIO})\.?\s*[:=#]\s*`, "gi",
  );
  const SPACED = new RegExp(
    String.raw`^((?:(?:${OTHER})[\s_.-]+(?:[A-Z]+\s+)?)?)(S\s*/\s*N|S\.\s?N|SNR?|SERIAL${NUMBER}|${SER}|${NAMED_ADDRESS})\.?\s+`, "i",
  );
  const OTHER_NAME = /\s+[A-Za-z][\w/ .-]{0,20}?\s?[:=]|\s*&[A-Za-z][\w.-]{0,20}=|\s*[;,|]|\s*$/;
  const OTHER_BEFORE = new RegExp(String.raw`(?:^|[^0-9A-Z])(?:${OTHER})(?:'?s)?(?:[\s_.()-]+[A-Z]+)?[\s_.()-]*$`, "i");
  const HOLDS_DEVICE = new RegExp(`^(?:${DEVICE}|DATA|LABEL|INFO|IDENTITY)$`, "i");
  const HOLDS_OTHER = new RegExp(`^(?:.*[^A-Z])?(?:${OTHER})S?(?:[^A-Z].*)?$`, "i");
  const DATE = /^(\d{4}-\d\d-\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})$/;
  const ADDRESS = /^([0-9A-F]{12}|[0-9A-F]{16})$/;
  const SHORTEST = 6; // characters of a line alone that is a serial, beside a longer one
  const TR005 = /^(?:LW:D0|URN:LW:DP|URN:DEV:LW)[:_][0-9A-F]{16}[:_]([0-9A-F]{16})[:_][0-9A-F]{8}((?:[:_]+%?[^:_]+)*)[:_]*$/i;
  const FIXED = { "00": 18, "01": 14, "02": 14, "03": 14, 11: 6, 12: 6, 13: 6, 15: 6, 16: 6, 17: 6, 20: 2 };
  const VARIABLE = /^(10|21|22|30|37|9\d|23[5]|24[0-3]|25[0-5]|40[0-3]|42[0-7]|39\d\d|7\d{3}|8\d{3}|71\d)/;
  const MAKERS = [
    /^(LW:D|URN:LW:|URN:DEV:LW:)[\x21-\x7e]*$/i,
    /^(\[\)>|[{[])/,
    /^\((\d{2,4})\)/,
    /^\x1d?01\d{14}/,
    new RegExp(NAME.source, "i"),
    new RegExp(SPACED.source, "im"),
  ];
  const LABEL_PATH = /^\/d\/+([^/]+)\/*$/i; // upper case too: QR codes are smaller that way
  const DIGITAL_LINK = /\/(01|gtin)\/\d{8,14}(\/.*)?\/(21|ser)\/([^/]+)/i; // GS1's, at whatever site
  let own = new Map(); // an organisation's names of fields, folded, and what they hold
  const PART = "part:";

  /** Without what scanners and encoders put around a text and between its characters. */
  function clean(text) {
    return text
      .replace(/\r\n?/g, "\n")
      .replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
      .replace(/^[\0\x02\s]*(\ufeff|ï»¿|\\\d{6}|\][A-Za-z][0-9A-Za-z])+/, "")
      .replace(/[\u00ad\u200b-\u200f\u2060\ufeff]/g, "")
      .replace(/^[\s\0-\x1f\x7f\u202a-\u202e\u2066-\u2069]+|[\s\0-\x1f\x7f\u202a-\u202e\u2066-\u2069,;]+$/g, "")
      .replace(/^\*([^*\n]+)\*$/, "$1") // as Code 39 is written
      .replace(/([0-9A-Za-z]-)\n\s*(?=[0-9A-Za-z])/g, "$1");
  }

  /** Upper case, without spaces and dashes, and with the look-alikes O, I and L as digits. */
  function normalise(text) {
    return clean(text).toUpperCase().replace(/[\s\u2010-\u2015\u2212-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  }

  /** The address that a text is, by whatever scheme, or by none if it is this site's. */
  function webAddress(text, hosts) {
    const bare = hosts.includes(text.split("/")[0].toLowerCase().replace(/\.?(:(80|443))?$/, "")) && text.includes("/");
    if (!bare && !/^(https?:)?\/\//i.test(text)) return null;
    try {
      return new URL(bare ? `https://${text}` : text.replace(/^\/\//, "https://"));
    } catch {
      return null;
    }
  }

  const hostOf = (url) => url.host.replace(/\.?(:(80|443))?$/, "");

  const hostsOf = (origins) => origins.map((origin) => hostOf(new URL(origin)));

  function ofAddress(url, hosts) {
    if (DIGITAL_LINK.test(url.pathname)) return { candidate: true };
    const isOurs = hosts.includes(hostOf(url));
    if (!isOurs && rankQuery(url)) return { candidate: true };
    if (!isOurs) return { what: `a web address (${url.host.slice(0, 60)})` };
    if (!LABEL_PATH.test(url.pathname)) return { what: "a page of this site, but not a device" };
    return { candidate: true };
  }

  function rankQuery(url) {
    if (!/^https?:$/.test(url.protocol)) return null;
    const pairs = [...url.searchParams].filter(([, value]) => value);
    return rankOwn(pairs) ?? rankPairs(pairs);
  }

  /**
   * `{candidate: true, sure, doubt}` for what may be a label, else `{what}`, which names it.
   * `sure`: it has the form of a serial with check characters, so one sighting is enough.
   * `doubt`: it has the form of another code, but a serial can look so.
   */
  function classify(given, origins) {
    if (given === PART) return { what: "one code of several that belong together" };
    const text = clean(given);
    const hosts = hostsOf(origins);
    const url = webAddress(text, hosts);
    if (url) return ofAddress(url, hosts);
    const doubt = FOREIGN.find(([form]) => form.test(text))?.[1];
    const plain = normalise(text);
    if (SERIAL.test(plain) && !text.includes("\n") && !CERTAIN.test(text)) {
      return { candidate: true, sure: /^[0-9A-HJKMNP-TV-Z]{12}$/.test(plain), doubt };
    }
    if (doubt) return { what: doubt };
    const lines = text.split("\n");
    const several = lines.length > 1 && lines.some((line) => SERIAL.test(normalise(line)));
    if (several || MAKERS.some((form) => form.test(text))) return { candidate: true };
    return { what: "not a label of this site" };
  }

  /** What a serial is compared by; an address by its digits, however it is written. */
  function key(text) {
    const plain = normalise(text);
    const digits = plain.replace(/[:.]/g, "");
    return ADDRESS.test(digits) ? digits : plain;
  }

  function decoded(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }

  // A tier has the keys of what a label names in one rank; `two`: of which it names two where a device has one.
  const tier = (texts) => ({ keys: texts.map(key), two: new Set(texts.map(key)).size > 1 });

  const foldName = (name) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

  /** By the names that an organisation gives its makers' fields: of each the first, and what is one only as such. */
  function rankOwn(pairs) {
    const found = ["serial", "dev_eui"].map((fact) => pairs.find(([name]) => own.get(foldName(name)) === fact));
    const tiers = found.map((pair) => tier(pair ? [pair[1]] : []));
    if (!ADDRESS.test(tiers[1].keys[0] ?? "")) tiers[1] = tier([]);
    return tiers.some(({ keys }) => keys.length) ? tiers : null;
  }

  /** Take an organisation's names of fields: "devid:serial hwid:dev_eui". */
  function calls(names) {
    own = new Map(names.split(/\s+/).filter(Boolean).map((pair) => pair.split(":")));
  }

  function rankPairs(pairs) {
    const named = RANKS.map((rank) => pairs.filter(([name]) => rank.test(name.trim())));
    named[1] = named[1].filter(mayName);
    if (!named.some((found) => found.length)) return null;
    const byName = new Map();
    for (const [name, value] of named[1]) {
      const plain = name.replace(/[^0-9a-z]/gi, "").toUpperCase();
      byName.set(plain, [...(byName.get(plain) ?? []), value]);
    }
    const addresses = tier(named[1].map(([, value]) => value));
    addresses.two = [...byName.values()].some((values) => tier(values).two);
    return [tier(named[0].map(([, value]) => value)), addresses];
  }

  /** What is called by its radio alone is an address, or something else. */
  const mayName = ([name, value]) => !OF_RADIO.test(name.trim()) || ADDRESS.test(key(value));

  function readTr005(text) {
    const found = TR005.exec(text);
    if (!found) return null;
    const fields = found[2].split(/^LW:/i.test(text) ? ":" : /[:_]/).map((field) => field.replace(/^%+/, ""));
    return [tier(fields.filter((field) => /^S/i.test(field)).map((field) => field.slice(1))), tier([found[1]])];
  }

  function readPlate(text) {
    if (!text.startsWith("[)>")) return null;
    const fields = text.slice(3).split(/[\x1d\x1e\x04]/).map((field) => field.trim());
    if ((fields[1] ?? "").startsWith("05")) {
      const plain = text.slice(6).split(/[\x1d\x1e\x04]/);
      return [tier(plain.filter((field) => field.startsWith("21")).map((field) => field.slice(2)))];
    }
    const found = fields.map((field) => /^(?:SER |S(?!E[QR] ))([^ ].*)/.exec(field.replace(/^(06|12)(?=\S)/, "")));
    return [tier(found.filter(Boolean).map((match) => match[1]))];
  }

  /** Pairs of application identifier and value, of a string of GS1 in brackets or as scanned. */
  function splitGs1(text) {
    if (/^(\(\d{2,4}\)[^(]*)+$/.test(text)) return [...text.matchAll(/\((\d{2,4})\)([^(]*)/g)].map(([, ai, value]) => [ai, value]);
    const elements = [];
    let rest = text.replace(/^\x1d+/, "");
    if (!/^01\d{14}/.test(rest)) return [];
    while (rest) {
      const [weight] = /^3[1-6]\d\d(?=\d{6})/.exec(rest) ?? [];
      const size = FIXED[rest.slice(0, 2)] ?? (weight ? 6 : 0);
      const ai = FIXED[rest.slice(0, 2)] ? rest.slice(0, 2) : (weight ?? VARIABLE.exec(rest)?.[0]);
      if (!ai) return [];
      const value = size ? rest.slice(ai.length, ai.length + size) : rest.slice(ai.length).split("\x1d")[0];
      elements.push([ai, value]);
      rest = rest.slice(ai.length + value.length).replace(/^\x1d/, "");
    }
    return elements;
  }

  function readGs1(text) {
    const found = splitGs1(text).filter(([ai]) => ai === "21");
    return found.length ? [tier(found.map(([, value]) => value))] : null;
  }

  function readRecord(text) {
    if (!/^[{[]/.test(text)) return null;
    const levels = [];
    const add = (data, depth) => {
      levels[depth] ??= [];
      if (Array.isArray(data)) for (const item of data) add(item, depth);
      else if (data && typeof data === "object") {
        for (const [name, value] of Object.entries(data)) {
          const held = name.trim();
          if (["string", "number"].includes(typeof value)) levels[depth].push([name, String(value)]);
          else if (HOLDS_DEVICE.test(held)) add(value, depth);
          else if (!HOLDS_OTHER.test(held.replace(/([a-z])(?=[A-Z])/g, "$1_"))) add(value, depth + 1);
        }
      }
    };
    try {
      add(JSON.parse(text), 0);
    } catch {
      return [];
    }
    return rankOwn(levels.flat()) ?? levels.map(rankPairs).find(Boolean) ?? [];
  }

  function readLines(text) {
    const parts = text.split("\n").map((part) => part.trim()).filter(Boolean);
    const named = text.split(/[\n;,|\t]/).flatMap((part) => findNamed(part.trim()));
    if (!named.length && parts.length < 2) return null;
    const bare = parts.length < 2 ? [] : parts.filter((part) => !findNamed(part).length);
    const own = rankPairs(named.filter(([, , isOther]) => !isOther)) ?? [];
    if (own[0]?.keys.length || !bare.length) return own;
    const least = Math.min(SHORTEST, Math.max(...bare.map((line) => normalise(line).length)));
    const rivals = bare.filter((line) => /\d/.test(line) && normalise(line).length >= least && !DATE.test(line));
    const serials = rivals.filter((line) => !ADDRESS.test(key(line))); // an address is none beside one
    return [...own, { keys: bare.map(key), two: tier(serials.length ? serials : rivals).two }];
  }

  /** Each name with its value, and whether both are of another device. */
  function findNamed(part) {
    const cut = (start) => {
      const rest = part.slice(start);
      return rest.slice(0, OTHER_NAME.exec(rest)?.index).trim();
    };
    const starts = [...part.matchAll(NAME)];
    if (!starts.length) {
      const match = SPACED.exec(part);
      return match ? [[match[2], cut(match[0].length), Boolean(match[1])]] : [];
    }
    let end = 0;
    const pairs = starts.map((match) => {
      const before = part.slice(end, match.index + match[1].length).replace(/^[^]*[:=]\s*\S*\s?/, "");
      const value = cut(match.index + match[0].length);
      end = match.index + match[0].length + value.length;
      return [match[2], value, OTHER_BEFORE.test(before)];
    });
    return pairs.filter(mayName);
  }

  /** What a text names its device by: `{alone}` for a bare serial or this site's address of it, else `{tiers}`. */
  function read(given, origins) {
    const text = clean(given);
    const hosts = hostsOf(origins);
    const url = webAddress(text, hosts);
    if (url) {
      const link = DIGITAL_LINK.exec(url.pathname);
      if (link) return { tiers: [tier([decoded(link[4])])] };
      const label = hosts.includes(hostOf(url)) && LABEL_PATH.exec(url.pathname);
      if (label) return { alone: key(decoded(label[1])) };
      return { tiers: rankQuery(url) ?? [] };
    }
    for (const form of [readTr005, readPlate, readGs1, readRecord, readLines]) {
      const tiers = form(text);
      if (tiers) return { tiers };
    }
    return { alone: key(text.replace(/^(0x|eui[-_])(?=([0-9a-f]{12}){1}([0-9a-f]{4})?$)/i, "")) };
  }

  /** Whether two readings are surely of one device: what each names in one rank is the same. */
  function isSame(one, other) {
    if ("alone" in one && "alone" in other) return one.alone === other.alone;
    if ("alone" in other) return isSame(other, one);
    if (other.tiers.some(({ two }) => two) || one.tiers?.some(({ two }) => two)) return false;
    if ("alone" in one) return other.tiers.some(({ keys }) => keys.includes(one.alone));
    const [[first], [second]] = [one.tiers, other.tiers].map((tiers) => tiers.map(({ keys }) => keys));
    if (first?.length && second?.length) return first[0] === second[0];
    const known = other.tiers.flatMap(({ keys }) => keys);
    return one.tiers.some(({ keys }) => keys.some((each) => known.includes(each)));
  }

  /**
   * Of the texts in view, one for each device that they may stand for: what is surely no label counts for
   * nothing, and of two that name the same device the one that says more stays.
   */
  function labels(texts, origins) {
    const judged = texts.map((text) => ({ text, ...classify(text, origins) }));
    const may = judged.filter(({ candidate, text }) => candidate || text === PART);
    const firm = may.filter(({ doubt }) => doubt !== "a smart-home pairing code");
    const kept = [];
    for (const { text } of firm.length > 0 ? firm : may) {
      const reading = read(text, origins);
      const at = kept.findIndex((other) => other.text === text || isSame(other.reading, reading));
      if (at < 0) kept.push({ text, reading });
      else if ("alone" in kept[at].reading && "tiers" in reading) kept[at] = { text, reading };
    }
    return kept.map(({ text }) => text);
  }

  /** What to do about a text that is no label. */
  function advice({ what }) {
    const named = what[0].toUpperCase() + what.slice(1);
    return what.startsWith("not")
      ? "That code is not a label of this site. Look for the label with the device's serial."
      : `${named} is not a device label. Look for the label with the device's serial.`;
  }

  return { calls, classify, labels, read, normalise, advice };
})();
