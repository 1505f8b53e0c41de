const MP3_FRAME_BYTES = 417

/** A JPEG of one grey pixel. */
export const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////' +
    '////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=',
  'base64',
)

/** A quarter of a second of silence: MPEG-1 layer III frames, 128 kbit/s at 44.1 kHz. */
export const MP3 = Buffer.concat(Array.from({ length: 10 }, silentMp3Frame))

/** The beginning of an Opus recording: the first page of its Ogg stream, as recorders write it. */
export const OGG = Buffer.concat([
  Buffer.from('OggS\0\x02', 'latin1'),
  Buffer.from('0000000000000000', 'hex'), // granule position
  Buffer.from('0100000000000000', 'hex'), // stream 1, page 0
  Buffer.from('1c9ff5d9', 'hex'), // checksum
  Buffer.from([1, 19]), // one segment of 19 bytes
  Buffer.from('OpusHead\x01\x01', 'latin1'), // version 1, mono
  Buffer.from('3801', 'hex'), // 312 samples to skip
  Buffer.from('80bb0000', 'hex'), // 48 kHz
  Buffer.from('000000', 'hex'), // no gain, mapping 0
])

function silentMp3Frame(): Buffer {
  const frame = Buffer.alloc(MP3_FRAME_BYTES)
  frame.set([0xff, 0xfb, 0x90, 0x64])
  return frame
}
