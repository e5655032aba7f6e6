// A Word document: a ZIP archive, not compressed, with the three files that Word needs.

const CONTENT_TYPES = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>';
const RELATIONSHIPS = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>';
const DOCUMENT = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>';

function docx() {
  const turns = shownTurns().flatMap(({ voice, start, texts }) => texts.map((text, at) => {
    const head = at || voice < 0 ? '' : run(nameIn(voice), '<w:b/>') + run(` ${clock(start)} `, '<w:color w:val="666666"/>');
    return wordParagraph(head + run(text));
  }));
  const title = wordParagraph(run(document.title, '<w:b/><w:sz w:val="32"/>'));
  return zipped({
    '[Content_Types].xml': CONTENT_TYPES,
    '_rels/.rels': RELATIONSHIPS,
    'word/document.xml': `${DOCUMENT}${title}${turns.join('')}<w:sectPr/></w:body></w:document>`,
  });
}

const isLeftwards = () => document.querySelector('.turns').dir === 'rtl';
const wordParagraph = (runs) => `<w:p><w:pPr>${isLeftwards() ? '<w:bidi/>' : ''}<w:spacing w:after="160"/></w:pPr>${runs}</w:p>`;
const run = (text, style = '') => `<w:r><w:rPr>${style}${isLeftwards() ? '<w:rtl/>' : ''}</w:rPr><w:t xml:space="preserve">${inXML(text)}</w:t></w:r>`;

function inXML(text) {
  const references = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
  return text.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '').replace(/[&<>]/g, (one) => references[one]);
}

// Source: PKWARE, .ZIP File Format Specification, 4.3
function zipped(files) {
  const encoder = new TextEncoder();
  const bodies = [];
  const directory = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const [path, content] = [encoder.encode(name), encoder.encode(text)];
    // Version 2.0, names in UTF-8, not compressed, 1980-01-01.
    const fields = [20, 2048, 0, 0, 33].map(int16).concat(int32(crc(content)), int32(content.length), int32(content.length), int16(path.length), int16(0)).flat();
    bodies.push(Uint8Array.from([...int32(0x04034b50), ...fields]), path, content);
    directory.push(Uint8Array.from([...int32(0x02014b50), ...int16(20), ...fields, ...int16(0), ...int16(0), ...int16(0), ...int32(0), ...int32(offset)]), path);
    offset += 30 + path.length + content.length;
  }
  const size = directory.reduce((sum, one) => sum + one.length, 0);
  const count = int16(Object.keys(files).length);
  const end = Uint8Array.from([...int32(0x06054b50), ...int16(0), ...int16(0), ...count, ...count, ...int32(size), ...int32(offset), ...int16(0)]);
  return new Blob([...bodies, ...directory, end]);
}

const int16 = (number) => [number & 255, (number >> 8) & 255];
const int32 = (number) => [number & 255, (number >> 8) & 255, (number >> 16) & 255, (number >>> 24) & 255];

function crc(bytes) {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum;
}
