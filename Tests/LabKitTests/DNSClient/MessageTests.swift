import LabCore
import Testing

@testable import LabDNSClient

@Suite("DNS messages")
struct MessageTests {
    /// A response to `nas.home.arpa A` with one record, whose name points at the question's.
    static let response: [UInt8] =
        [0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        + [3] + Array("NAS".utf8) + [4] + Array("home".utf8) + [4] + Array("arpa".utf8) + [0, 0, 1, 0, 1]
        + [0xC0, 12, 0, 1, 0, 1, 0, 0, 0x0E, 0x10, 0, 4, 192, 0, 2, 1]

    @Test("a response is read with its flags, and names are compared in lower case")
    func parse() throws {
        let message = try DNSMessage(parsing: Self.response)
        #expect(message.id == 0x1234)
        #expect(message.question == DNSQuestion(name: "nas.home.arpa", type: .a))
        #expect(message.answer.isAuthoritative)
        #expect(message.answer.records.map(\.description) == ["nas.home.arpa 3600 IN A 192.0.2.1"])
    }

    @Test("a query has recursion desired and announces 1232 bytes")
    func encode() {
        #expect(
            DNSQuestion(name: "a.b", type: .mx).encoded(id: 0x0102)
                == [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0x61, 1, 0x62, 0, 0, 15, 0, 1]
                + [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0])
    }

    @Test("every prefix of a response is refused")
    func truncated() {
        for count in 0..<Self.response.count {
            #expect(throws: DNSMalformed.self) { try DNSMessage(parsing: Array(Self.response.prefix(count))) }
        }
    }

    @Test("compression pointers that loop or lead forward are refused")
    func loops() {
        for target: UInt8 in [31, 32, 33, 60] {
            var bytes = Self.response
            bytes[31] = 0xC0
            bytes[32] = target
            #expect(throws: DNSMalformed.self) { try DNSMessage(parsing: bytes) }
        }
        // Two pointers that lead to each other, in the question's name.
        let pair: [UInt8] = [0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 14, 0xC0, 12, 0, 1, 0, 1]
        #expect(throws: DNSMalformed.self) { try DNSMessage(parsing: pair) }
    }

    @Test("random bytes and mutated responses never do worse than being refused")
    func fuzz() {
        var generator = SystemRandomNumberGenerator()
        var accepted = 0
        for round in 0..<20_000 {
            var bytes: [UInt8]
            if round.isMultiple(of: 4) {
                bytes = (0..<Int.random(in: 0..<120, using: &generator)).map { _ in .random(in: 0...255) }
            } else {
                bytes = Self.response
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255)
                }
            }
            guard let message = try? DNSMessage(parsing: bytes) else { continue }
            accepted += 1
            // What was accepted is printable, and its names keep to the limits.
            for record in message.answer.records {
                #expect(record.description.utf8.allSatisfy { (0x20...0x7E).contains($0) })
            }
        }
        #expect(accepted > 0)
    }

    @Test("values have one text each")
    func presentation() {
        #expect(DNSRecordValue.txt([Array("a\"b\\".utf8), [0, 255], []]).description == #""a\"b\\" "\000\255" """#)
        #expect(DNSRecordValue.caa(flags: 0, tag: "issue", value: Array("lab".utf8)).description == #"0 issue "lab""#)
        #expect(DNSRecordValue.other([0xAB, 1]).description == "\\# 2 ab01")
    }
}
