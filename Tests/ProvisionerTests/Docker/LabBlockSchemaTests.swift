import Foundation
import LabCore
import LabState
import Testing

@testable import Provisioner

@Suite("The published schema of the block x-lab")
struct LabBlockSchemaTests {
    private static func schema() throws -> JSONValue {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../docs/schemas/x-lab.json").standardizedFileURL
        let schema = try JSONText(trusted: String(contentsOf: file, encoding: .utf8)).decode(JSONValue.self)
        return try #require(schema["properties"]?["x-lab"])
    }

    /// The keys that a reader names when it meets one that it does not know.
    private static func known(_ block: JSONValue) -> Set<String> {
        let problem = #expect(throws: Problem.self) { try LabBlock(block) }
        let remedy = problem?.fields.first?.remedy ?? ""
        return Set(remedy.replacingOccurrences(of: "The keys are ", with: "").components(separatedBy: ", "))
    }

    @Test("it has the keys that the lab reads, no more and no fewer")
    func keys() throws {
        let schema = try Self.schema()
        let unknown: JSONValue = ["zzzzzzzzzz": 1]
        #expect(Set(schema["properties"]?.objectValue?.keys ?? [:].keys) == Self.known(unknown))
        let exposure = schema["properties"]?["expose"]?["oneOf"]?.arrayValue?.last?["properties"]?.objectValue ?? [:]
        #expect(Set(exposure.keys) == Self.known(["expose": unknown]))
        let needs = schema["properties"]?["requirements"]?["properties"]?.objectValue ?? [:]
        #expect(Set(needs.keys) == Self.known(["requirements": unknown]))
    }

    @Test("its examples and the words that it lists are taken")
    func examples() throws {
        func check(_ properties: [String: JSONValue], _ wrap: (String, JSONValue) -> JSONValue) throws -> Int {
            var count = 0
            for (key, field) in properties {
                let listed = (field["enum"] ?? field["items"]?["enum"])?.arrayValue ?? []
                for value in (field["examples"]?.arrayValue ?? []) + listed {
                    #expect(throws: Never.self, "\(key): \(value)") { try LabBlock(wrap(key, value)) }
                    count += 1
                }
            }
            return count
        }
        let properties = try #require(try Self.schema()["properties"]?.objectValue)
        #expect(try check(properties) { [$0: $1] } > 15)
        let exposure = try #require(properties["expose"]?["oneOf"]?.arrayValue?.last?["properties"]?.objectValue)
        #expect(try check(exposure) { ["expose": [$0: $1]] } > 4)
        let needs = try #require(properties["requirements"]?["properties"]?.objectValue)
        #expect(try check(needs) { ["requirements": [$0: $1]] } > 4)
    }
}
