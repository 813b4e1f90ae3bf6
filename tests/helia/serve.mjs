// Serves the blocks of an archive with Helia by bitswap, until it is killed:
//   serve.mjs FILE.car
// It prints its address when it is ready.
import { readFile } from 'node:fs/promises'
import { createHeliaLight } from 'helia'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { CID } from 'multiformats/cid'

// sections are what a CAR of version 1 is made of: a length, then as many bytes.
function * sections (car) {
  for (let at = 0; at < car.length;) {
    let size = 0
    for (let shift = 0, more = true; more; shift += 7) {
      size += (car[at] & 0x7f) * 2 ** shift
      more = car[at++] >= 0x80
    }
    yield car.subarray(at, at + size)
    at += size
  }
}

const helia = withBitswap(withLibp2pLight(createHeliaLight(), {
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()], services: { identify: identify() }
}))
await helia.start()
const [, ...blocks] = sections(new Uint8Array(await readFile(process.argv[2]))) // the first is the header
for (const b of blocks) {
  const [cid, bytes] = CID.decodeFirst(b)
  await helia.blockstore.put(cid, bytes)
}
console.log(helia.libp2p.getMultiaddrs()[0].toString())
