import LabCore
import NIOCore
import Testing

@testable import DNSManager

@Suite("DNS messages")
struct DNSMessageTests {
    @Test("a reply with a compressed name is read back, for the longest of reverse names too")
    func compressedName() throws {
        let question = Question(try IPAddress("fd00::5").reverseName, .ptr)
        var message = DNSMessage.query(question, id: 7)
        message.setInteger(UInt16(0x8580), at: 2)
        message.setInteger(UInt16(1), at: 6)
        message.setInteger(UInt16(0), at: 10)
        message.moveWriterIndex(to: message.writerIndex - 11)
        message.writeBytes([0xC0, 12, 0, 12, 0, 1, 0, 0, 1, 44, 0, 7, 3] + Array("nas".utf8) + [0xC0, 12])
        message.setInteger(UInt16(6), at: message.writerIndex - 8)
        let reply = try #require(DNSMessage.reply(message))
        #expect(reply.id == 7)
        #expect(reply.code == "NOERROR")
        #expect(reply.question == question)
        #expect(reply.sets == [
            RecordSet(name: question.name, type: .ptr, ttl: 300, values: ["nas.\(question.name)"])
        ])
    }

    @Test("no bytes make the reader crash or hang")
    func anyBytes() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            var bytes = (0..<Int.random(in: 0...80, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            if bytes.count > 12 {
                bytes.replaceSubrange(2..<12, with: [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
            }
            let reply = DNSMessage.reply(ByteBuffer(bytes: bytes))
            #expect(reply?.sets.count ?? 0 <= 1)
        }
    }

    @Test("a name that points to itself is refused")
    func loop() {
        let header: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]
        #expect(DNSMessage.reply(ByteBuffer(bytes: header + [0xC0, 12, 0, 1, 0, 1])) == nil)
    }
}
