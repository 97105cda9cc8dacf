import FoundationEssentials
import LabCore
import LabPostgres
import Testing

@Suite("Values")
struct ValueTests {
    /// Sends a value, and reads back what the server made of it.
    private func returned<Value: PostgresEncodable & PostgresDecodable>(
        _ value: Value, _ client: PostgresClient
    ) async throws -> Value? {
        try await client.query("select \(value)").first?.value(at: 0, as: Value.self)
    }

    @Test("every type comes back from the server as it went there")
    func roundTrips() async throws {
        try await Database.withClient { client, _ in
            for text in ["", "NULL", "a\u{1F600}\n\\", String(repeating: "x", count: 200_000)] {
                let back = try await returned(text, client)
                #expect(back == text)
            }
            for truth in [true, false] {
                let back = try await returned(truth, client)
                #expect(back == truth)
            }
            for number in [Int16.min, 0, .max] {
                let back = try await returned(number, client)
                #expect(back == number)
            }
            for number in [Int32.min, 0, .max] {
                let back = try await returned(number, client)
                #expect(back == number)
            }
            for number in [Int64.min, 0, .max] {
                let back = try await returned(number, client)
                #expect(back == number)
            }
            for number in [Int.min, -1, .max] {
                let back = try await returned(number, client)
                #expect(back == number)
            }
            for number in [0.1, -0.0, 1e300, .pi, .infinity, -.infinity, .leastNonzeroMagnitude] {
                let back = try await returned(number, client)
                #expect(back == number)
            }
            let back1 = try await returned(Double.nan, client)
            #expect(back1?.isNaN == true)
            let identifier = UUIDv7()
            let back2 = try await returned(identifier, client)
            #expect(back2 == identifier)
            for bytes in [[], [0], Array(0...255)] as [[UInt8]] {
                let back = try await returned(bytes, client)
                #expect(back == bytes)
            }
        }
    }

    @Test("NULL comes back as nil, and is not an empty value")
    func nulls() async throws {
        try await Database.withClient { client, _ in
            let back3 = try await returned(String?.none, client)
            #expect(back3 == .some(nil))
            let back4 = try await returned(String?.some(""), client)
            #expect(back4 == "")
            let back5 = try await returned([UInt8]?.none, client)
            #expect(back5 == .some(nil))
            let back6 = try await returned([UInt8]?.some([]), client)
            #expect(back6 == .some([]))
            let back7 = try await returned(Date?.none, client)
            #expect(back7 == .some(nil))
            let nothing: Int64? = nil
            let row = try await client.query("select \(nothing)::bigint is null, \(nothing) is null").first
            let (first, second) = try #require(try row?.decode((Bool, Bool).self))
            #expect(first && second)
        }
    }

    @Test("arrays keep quotes, commas, braces and NULLs")
    func arrays() async throws {
        try await Database.withClient { client, _ in
            let texts = ["", "a,b", "\"", "\\", "{}", "NULL", "null", " space ", "\u{1F600}"]
            let back8 = try await returned(texts, client)
            #expect(back8 == texts)
            let back9 = try await returned([String](), client)
            #expect(back9 == [])
            let sparse: [String?] = ["NULL", nil, ""]
            let back10 = try await returned(sparse, client)
            #expect(back10 == sparse)
            let back11 = try await returned([Int64.min, 0, Int64.max], client)
            #expect(back11 == [Int64.min, 0, Int64.max])
            let back12 = try await returned([Int32(1), -1], client)
            #expect(back12 == [Int32(1), -1])
            let back13 = try await returned([Int32?.none, 7], client)
            #expect(back13 == [nil, 7])
            let identifiers = [UUIDv7(), UUIDv7()]
            let back14 = try await returned(identifiers, client)
            #expect(back14 == identifiers)
            let count = try await client.query(
                "select count(*) from unnest(\(texts)::text[]) t where t = any(\(texts))")
            #expect(try count.first?.value(at: 0, as: Int.self) == texts.count)
        }
    }

    @Test("times keep their microseconds, before Christ and at infinity too")
    func times() async throws {
        try await Database.withClient { client, _ in
            for seconds in [0, 0.25, -0.5, 1_790_000_000.123456, -5_000_000_000.75, -63_000_000_000, 253_402_300_800] {
                let date = Date(timeIntervalSince1970: seconds)
                let back = try #require(try await returned(date, client))
                #expect(abs(back.timeIntervalSince(date)) < 0.000_002, "\(seconds)")
                let epoch = try await client.query("select extract(epoch from \(date))::float8").first
                let read = try #require(try epoch?.value(at: 0, as: Double.self))
                #expect(abs(read - seconds) < 0.000_02)
            }
            let back15 = try await returned(Date.distantFuture, client)
            #expect(back15 == .distantFuture)
            let back16 = try await returned(Date.distantPast, client)
            #expect(back16 == .distantPast)
            let infinity = try await client.query("select \(Date.distantFuture) = 'infinity'::timestamptz").first
            #expect(try infinity?.value(at: 0, as: Bool.self) == true)
            let day = try await client.query("select '2026-01-31'::date, '2026-01-31 10:20:30.5'::timestamp").first
            let (date, timestamp) = try #require(try day?.decode((Date, Date).self))
            #expect(date == Date(rfc3339: "2026-01-31T00:00:00Z"))
            #expect(timestamp == Date(rfc3339: "2026-01-31T10:20:30.500Z"))
        }
    }

    @Test("JSON is bound as jsonb and read as text")
    func json() async throws {
        try await Database.withClient { client, _ in
            let json = PostgresJSON(#"{"a": ["\"", null]}"#)
            let row = try await client.query("select \(json), \(json)->'a'->>0, \(json)::json").first
            let (document, quote, plain) = try #require(try row?.decode((String, String, String).self))
            #expect(document == json.text && quote == "\"" && plain == json.text)
        }
    }

    @Test("a text with a zero byte is refused, not cut short")
    func zeroByte() async throws {
        try await Database.withClient { client, _ in
            let error = await #expect(throws: PostgresError.self) { try await client.query("select \("a\0b")") }
            #expect(error?.sqlState == "22021")
        }
    }

    @Test("an error of decoding names the column, its type and what was expected")
    func mismatches() async throws {
        try await Database.withClient { client, _ in
            let rows = try await client.query("select 'x'::text as name, null::int as age, 70000 as large")
            let row = try #require(rows.first)
            let text = #expect(throws: PostgresError.self) { try row.value(at: 0, as: Int.self) }
            #expect(text?.description.contains("“name” is text, but a whole number") == true)
            let null = #expect(throws: PostgresError.self) { try row.value("age", as: Int32.self) }
            #expect(null?.description.contains("“age” is NULL") == true)
            #expect(throws: PostgresError.self) { try row.value(at: 2, as: Int16.self) }
            #expect(throws: PostgresError.self) { try row.value(at: 3, as: Int.self) }
            #expect(throws: PostgresError.self) { try row.decode((String, Int?).self) }
        }
    }
}
