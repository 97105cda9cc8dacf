import LabPostgres
import Testing

@Suite("Queries")
struct QueryTests {
    @Test("an interpolated text is bound, however hostile it is")
    func hostileText() async throws {
        try await Database.withClient { client, _ in
            try await client.query("create table note (text text)")
            for text in ["'; drop table note; --", "\\'; --", "$1", "“„\u{1F600}", "", "a\nb\tc", "\"quoted\""] {
                let rows = try await client.query("insert into note values (\(text)) returning text")
                #expect(try rows.first?.value(at: 0, as: String.self) == text)
            }
            let count = try await client.query("select count(*) from note").first?.value(at: 0, as: Int.self)
            #expect(count == 7)
        }
    }
}
