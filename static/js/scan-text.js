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
  const MAKERS = [
    /^(LW:D|URN:LW:|URN:DEV:LW:)[\x21-\x7e]*$/i,
    /^(\[\)>|[{[])/,
    /^\((\d{2,4})\)/,
    /^\x1d?01\d{14}/,
    /(^|[^0-9A-Z])(S\s*\/\s*N|SN|SER|SERIAL[\s\w]*|(WLAN|WIFI)?\s?MAC[\s\w]*|DEV[\s_-]*EUI|EUI|IMEI)\.?\s*[:=#\s]/i,
  ];
  const LABEL_PATH = /^\/d\/([^/]+)\/?$/i; // upper case too: QR codes are smaller that way
  const DIGITAL_LINK = /\/(01|gtin)\/\d{8,14}(\/.*)?\/(21|ser)\/[^/]+/i; // GS1's, at whatever site
  // A field of an address's query that names the device; an id is of anything, hence no candidate.
  const SERIAL_FIELD = /^((device|dev|unit|product|hw|hardware)[\s_-]*)?(s\s*\/\s*n|sn|ser(ial)?|serien?)[\s_-]*(no|nr|num|number|nummer|code|#)?\.?$/i;
  const ADDRESS_FIELD = /^(((wi-?fi|wlan|lan|eth|ethernet|ble|bt)[\s_-]*)?mac([\s_-]*(addr|address|id))?|dev[\s_-]*eui|eui([\s_-]?(48|64))?|imei)\.?$/i;
  const TOKEN = 8; // characters of a serial that is known within another text
  const PART = "part:";

  /** Without what scanners and encoders put around a text and between its characters. */
  function clean(text) {
    return text
      .replace(/\r\n?/g, "\n")
      .replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
      .replace(/^[\0\x02\s]*(\ufeff|ï»¿|\\\d{6}|\][A-Za-z][0-9A-Za-z])+/, "")
      .replace(/[\u00ad\u200b-\u200f\u2060\ufeff]/g, "")
      .replace(/^[\s\0-\x1f\x7f]+|[\s\0-\x1f\x7f]+$/g, "");
  }

  /** Upper case, without spaces and dashes, and with the look-alikes O, I and L as digits. */
  function normalise(text) {
    return clean(text).toUpperCase().replace(/[\s\u2010-\u2015\u2212-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  }

  /** The address that a text is, by whatever scheme, or by none if it is this site's. */
  function webAddress(text, hosts) {
    const bare = hosts.includes(text.split("/")[0].toLowerCase()) && text.includes("/");
    if (!bare && !/^(https?:)?\/\//i.test(text)) return null;
    try {
      return new URL(bare ? `https://${text}` : text.replace(/^\/\//, "https://"));
    } catch {
      return null;
    }
  }

  const hostsOf = (origins) => origins.map((origin) => new URL(origin).host);

  function ofAddress(url, hosts) {
    if (DIGITAL_LINK.test(url.pathname)) return { candidate: true };
    if (!hosts.includes(url.host) && namesDevice(url)) return { candidate: true };
    if (!hosts.includes(url.host)) return { what: `a web address (${url.host.slice(0, 60)})` };
    if (!LABEL_PATH.test(url.pathname)) return { what: "a page of this site, but not a device" };
    return { candidate: true };
  }

  function namesDevice(url) {
    const names = [...url.searchParams].filter(([, value]) => value).map(([name]) => name.trim());
    return /^https?:$/.test(url.protocol) && names.some((name) => SERIAL_FIELD.test(name) || ADDRESS_FIELD.test(name));
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

  /** What two texts for one device have in common. */
  function key(text, origins) {
    const url = webAddress(clean(text), hostsOf(origins));
    const label = url && LABEL_PATH.exec(url.pathname);
    const plain = normalise(label ? decoded(label[1]) : text);
    const digits = plain.replace(/[:.]/g, "");
    return /^([0-9A-F]{12}|[0-9A-F]{16})$/.test(digits) ? digits : plain;
  }

  function decoded(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }

  /** Whether the serial `plain` stands in the longer `text` as a word of its own, or as its GS1 serial. */
  function within(plain, text) {
    if (plain.length < TOKEN) return false;
    const words = clean(text).toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1");
    return words.split(/[^0-9A-Z]+/).includes(plain) || (/^\x1d?01\d{14}/.test(words) && words.endsWith(`21${plain}`));
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
      const plain = key(text, origins);
      const at = kept.findIndex((other) => {
        const known = key(other, origins);
        return known === plain || within(known, text) || within(plain, other);
      });
      if (at < 0) kept.push(text);
      else if (within(key(kept[at], origins), text)) kept[at] = text;
    }
    return kept;
  }

  /** What to do about a text that is no label. */
  function advice({ what }) {
    const named = what[0].toUpperCase() + what.slice(1);
    return what.startsWith("not")
      ? "That code is not a label of this site. Look for the label with the device's serial."
      : `${named} is not a device label. Look for the label with the device's serial.`;
  }

  return { classify, labels, normalise, advice };
})();
