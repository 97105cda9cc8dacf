import FoundationEssentials
import LabCore
import Testing

@Suite("Values")
struct ValueTests {
    @Test("a secret shows itself nowhere")
    func secret() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect("\(secret)" == "•••")
        #expect(!dumped.contains("hunter2"))
        #expect(secret.reveal() == "hunter2")
    }

    @Test("identifiers of later moments sort after earlier ones and survive their text form")
    func identifiers() throws {
        let early = UUIDv7(at: Date(timeIntervalSince1970: 1000))
        let late = UUIDv7(at: Date(timeIntervalSince1970: 1001))
        #expect(early < late)
        #expect(UUIDv7(early.description) == early)
        #expect(early.milliseconds == 1_000_000)
        #expect(Array(early.description)[14] == "7")
        #expect(UUIDv7("not-a-uuid") == nil)
    }

    @Test("backoff doubles up to its ceiling and never returns nothing")
    func backoff() {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(1))
        var waits: [Duration] = []
        for _ in 0..<8 { waits.append(backoff.next()) }
        #expect(waits[0] >= .milliseconds(50) && waits[0] <= .milliseconds(100))
        #expect(waits.allSatisfy { $0 <= .seconds(1) })
        #expect(waits[7] >= .milliseconds(500))
        backoff.reset()
        #expect(backoff.next() <= .milliseconds(100))
    }

    @Test("any JSON document survives decoding and encoding")
    func json() throws {
        let text = #"{"a":[1,2.5,"x",null,true],"b":{"c":{}}}"#
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        #expect(value["a"]?.arrayValue?.count == 5)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        #expect(try String(decoding: encoder.encode(value), as: UTF8.self) == text)
    }

    @Test("times on the wire are RFC 3339 in UTC")
    func times() throws {
        let date = Date(timeIntervalSince1970: 1_700_000_000.25)
        #expect(date.rfc3339 == "2023-11-14T22:13:20.250Z")
        #expect(Date(rfc3339: "2023-11-14T22:13:20Z") == Date(timeIntervalSince1970: 1_700_000_000))
        #expect(Date(rfc3339: "yesterday") == nil)
    }
}
