// Verifies a package's signature from its page alone (store/pack/SPEC.md, "Signature"), with nothing of ipp:
//
//	node verify.mjs FILE      prints what was signed, and by whom, as JSON; exits 1 if anything is wrong
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const fail = (why) => { console.error(why); process.exit(1) }

// publicKey takes NAME+HASH+BASE64 apart: the bytes are 1, then 32 of an Ed25519 key.
function publicKey(text) {
  const [name, hash] = text.split('+', 2)
  const bytes = Buffer.from(text.slice(name.length + hash.length + 2), 'base64')
  if (bytes.length !== 33 || bytes[0] !== 1) fail(`not an Ed25519 key: ${text}`)
  const digest = createHash('sha256').update(name + '\n').update(bytes).digest()
  if (digest.subarray(0, 4).toString('hex') !== hash) fail(`the key's hash is wrong: ${text}`)
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes.subarray(1)])
  return { name, hash, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

// signedBy checks one signature: base64 of four bytes of the key's hash, then 64 of Ed25519.
function signedBy(text, sig, keyText) {
  const { hash, key } = publicKey(keyText)
  const bytes = Buffer.from(sig, 'base64')
  if (bytes.length !== 68 || bytes.subarray(0, 4).toString('hex') !== hash) fail(`not by this key: ${keyText}`)
  if (!verify(null, Buffer.from(text), key, bytes.subarray(4))) fail(`the signature is false: ${keyText}`)
}

function fingerprint(keyText) {
  const bits = [...createHash('sha256').update(keyText).digest()].map((b) => b.toString(2).padStart(8, '0')).join('')
  const chars = bits.slice(0, 100).match(/.{5}/g).map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five, 2)]).join('')
  return chars.match(/.{5}/g).join('-')
}

const note = readFileSync(process.argv[2], 'utf8')
const end = note.indexOf('\n\n') + 1
const text = note.slice(0, end)
const [, signer, sig] = note.slice(end + 1).match(/^— (\S+) (\S+)\n$/) ?? fail('there is not one signature')
const lines = text.trimEnd().split('\n').map((line) => line.split(' '))
if (lines[0].join(' ') !== 'ipp-package 1') fail('another format')
const of = (word) => lines.filter((l) => l[0] === word).map((l) => l.slice(1))
const [[key]] = of('key')
if (signer !== publicKey(key).name) fail('signed under another name')
signedBy(text, sig, key)
let to = key
for (const [from, word] of of('before')) {
  signedBy(`ipp-key-handover 1\nfrom ${from}\nto ${to}\n`, word, from)
  to = from
}
const size = (words) => Object.fromEntries(words.map((w) => w.split('=')).map(([k, v]) => [k, Number(v)]))
console.log(JSON.stringify({
  name: of('name')[0][0], version: of('version')[0][0], manifest: of('manifest')[0][0], key, fingerprint: fingerprint(key),
  parts: Object.fromEntries(of('part').map(([p, ...words]) => [p, size(words)])), total: size(of('total')[0]),
  before: of('before').map(([from]) => from),
}))
