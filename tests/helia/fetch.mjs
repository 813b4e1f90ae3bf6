// Fetches a package with Helia and writes it down:
//   fetch.mjs bitswap MULTIADDR CID DIR
//   fetch.mjs http URL CID DIR
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createHeliaLight } from 'helia'
import { withBitswap } from '@helia/bitswap'
import { withHTTP } from '@helia/http'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'

const DAG_PB = 0x70
const [how, where, root, dir] = process.argv.slice(2)

async function start () {
  if (how === 'http') {
    const helia = withHTTP(createHeliaLight(), { recursiveGateways: [where], delegatedRouters: [where], allowInsecure: true, allowLocal: true })
    await helia.start()
    return helia
  }
  const helia = withBitswap(withLibp2pLight(createHeliaLight(), {
    transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()], services: { identify: identify() }
  }))
  await helia.start()
  await helia.libp2p.dial(multiaddr(where))
  return helia
}

async function bytes (source) {
  const pieces = []
  for await (const p of source) pieces.push(p)
  return Buffer.concat(pieces)
}

async function write (files, cid, path) {
  await mkdir(path)
  for await (const entry of files.ls(cid)) {
    const to = join(path, entry.name)
    const stat = await files.stat(entry.cid)
    if (stat.type === 'directory') {
      await write(files, entry.cid, to)
    } else if (stat.unixfs?.type === 'symlink') {
      await symlink(Buffer.from(stat.unixfs.data).toString(), to)
    } else {
      // Helia makes a mode up for raw leaves, which have none.
      const run = entry.cid.code === DAG_PB && (stat.mode & 0o111) !== 0
      await writeFile(to, await bytes(files.cat(entry.cid)), { mode: run ? 0o755 : 0o644 })
    }
  }
}

const helia = await start()
await write(unixfs(helia), CID.parse(root), dir)
await helia.stop()
process.exit(0)
