import LabCore
import LabYAML
import Testing

@Suite("YAML")
struct YAMLTextTests {
    private func value(_ text: String) throws -> JSONValue {
        let documents = try YAMLText.documents(text)
        try #require(documents.count == 1)
        return documents[0]
    }

    @Test(
        "scalars are what the core schema says",
        arguments: [
            ("a", "a"), ("yes", "yes"), ("No", "No"), ("12:30", "12:30"), ("1.2.3", "1.2.3"), ("-x", "-x"), (".", "."),
            ("'12'", "12"), ("\"true\"", "true"), ("|\n  a\n  b\n", "a\nb\n"), (">-\n  a\n  b\n", "a b"),
            ("!!str 12", "12"), ("!mine 12", "12"), ("2026-11-26", "2026-11-26"), (".inf", ".inf"), ("1e999", "1e999"),
            ("0x", "0x"), ("0x-5", "0x-5"), ("e5", "e5"), ("+", "+"), ("ä€😀", "ä€😀"), ("! 12", "12"),
            ("true", true), ("False", false), ("!!bool 'true'", true),
            ("~", nil), ("null", nil), ("", nil),
            ("12", 12), ("-7", -7), ("+7", 7), ("0x1F", 31), ("0o17", 15), ("0644", 420), ("0b101", 5), ("0", 0),
            ("08", 8), ("!!int '5'", 5),
            ("1.5", 1.5), ("-.5", -0.5), ("1e3", 1000.0), ("99999999999999999999", 99999999999999999999.0),
        ] as [(String, JSONValue)])
    func scalar(_ text: String, _ expected: JSONValue) throws {
        #expect(try value("key: \(text)") == ["key": expected])
    }

    @Test("lists and mappings, in blocks and in flow")
    func collections() throws {
        let text = """
            # A comment
            services:
              web: {image: "nginx:1", ports: [80, '443:443']}
              db:
                command:
                - run
                -
                  deep: [[], {}]
            8080: by number
            """
        #expect(
            try value(text) == [
                "services": [
                    "web": ["image": "nginx:1", "ports": [80, "443:443"]],
                    "db": ["command": ["run", ["deep": [[], [:]]]]],
                ],
                "8080": "by number",
            ])
    }

    @Test("aliases and merge keys are put in place; what stands beside a merge key wins, then the former mapping")
    func aliases() throws {
        let text = """
            base: &base {a: 1, b: 1}
            more: &more {b: 2, c: 2}
            one:
              b: 3
              <<: *base
            two:
              <<: [*base, *more]
            three: *more
            quoted: {'<<': 1}
            name: &name key
            *name : value
            """
        let file = try value(text)
        #expect(file["one"] == ["a": 1, "b": 3])
        #expect(file["two"] == ["a": 1, "b": 1, "c": 2])
        #expect(file["three"] == ["b": 2, "c": 2])
        #expect(file["quoted"] == ["<<": 1])
        #expect(file["key"] == "value")
    }

    @Test("a text holds any number of documents, of which comments are none")
    func documents() throws {
        #expect(try YAMLText.documents("") == [])
        #expect(try YAMLText.documents("# nothing\n") == [])
        #expect(try YAMLText.documents("---\n---\na: 1\n...\n--- b\n") == [nil, ["a": 1], "b"])
        #expect(try YAMLText.documents("\u{FEFF}a: 1") == [["a": 1]])
    }

    @Test(
        "what is wrong is told with its line and column",
        arguments: [
            ("a:\n  b: 1\n c: 2\n", 3, 2), ("a: [1, 2\n", 2, 1), ("a: 'x\n", 2, 1), ("a: *nowhere\n", 1, 4),
            ("a: 1\nb: 2\na: 3\n", 3, 1), ("a:\n\tb: 1\n", 2, 1), ("? [a]\n: 1\n", 1, 3), ("a: 1\n<<: 5\n", 2, 5),
            ("a: &x [*x]\n", 1, 8), ("a: @x", 1, 4),
        ])
    func wrong(_ text: String, line: Int, column: Int) {
        let error = #expect(throws: YAMLError.self) { try YAMLText.documents(text) }
        #expect(error?.line == line)
        #expect(error?.column == column)
        #expect(error?.problem.isEmpty == false)
    }

    @Test("control characters are refused at about their line")
    func control() {
        let error = #expect(throws: YAMLError.self) { try YAMLText.documents("a: 1\nb: \u{1}\n") }
        #expect(error?.problem == "control characters are not allowed")
    }

    @Test("a few lines that stand for billions of values are refused, and so is what is nested without end")
    func bombs() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let aliases = #expect(throws: YAMLError.self) { try YAMLText.documents(bomb) }
        #expect(aliases?.problem.contains("aliases") == true)
        let nested = String(repeating: "[", count: 100_000)
        #expect(throws: YAMLError.self) { try YAMLText.documents(nested) }
        let deep = #expect(throws: YAMLError.self) {
            try YAMLText.documents(String(repeating: "[", count: 500) + String(repeating: "]", count: 500))
        }
        #expect(deep?.problem == "it is nested deeper than 200 levels")
    }
}
