import Messaging
import Simulation
import Testing

/// CRC-32C by the processor's instruction and without it.
@Suite struct ChecksumTests {
    @Test func `the digits one to nine have the known checksum, either way`() {
        Array("123456789".utf8).withUnsafeBytes { bytes in
            #expect(CRC32C.checksum(bytes) == 0xE306_9283)
            #expect(CRC32C.portableChecksum(bytes) == 0xE306_9283)
        }
    }

    @Test func `both ways agree, whatever the length and where it begins`() {
        var random = SeededRandom(seed: 7)
        let bytes = (0..<600).map { _ in UInt8(truncatingIfNeeded: random.below(256)) }
        bytes.withUnsafeBytes { bytes in
            for count in 0..<300 {
                let part = UnsafeRawBufferPointer(
                    rebasing: bytes[(count % 9)..<(count % 9 + count)])
                #expect(CRC32C.checksum(part) == CRC32C.portableChecksum(part))
            }
        }
    }
}
