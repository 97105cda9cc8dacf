import Testing

@testable import lab

@Suite("Git repositories as they are given")
struct GitSourceTests {
    @Test(
        "a repository, a reference and a folder are read in Docker's notation",
        arguments: [
            ("https://host/anna/notes.git", "https://host/anna/notes.git | - | - | notes"),
            ("https://host/notes", "https://host/notes | - | - | notes"),
            ("https://host/notes.git#v1.2", "https://host/notes.git | v1.2 | - | notes"),
            ("https://host/notes.git#main:stacks/web/", "https://host/notes.git | main | stacks/web | notes"),
            ("https://host/notes.git#:web", "https://host/notes.git | - | web | notes"),
            ("git@host:anna/notes.git#feature/x", "git@host:anna/notes.git | feature/x | - | notes"),
            ("nas:notes.git", "nas:notes.git | - | - | notes"),
            ("file:///srv/git/my notes.git", ""),
            ("ssh://git@host:2222/notes.git/", "ssh://git@host:2222/notes.git/ | - | - | notes"),
        ])
    func parts(_ text: String, _ wanted: String) throws {
        guard !wanted.isEmpty else {
            #expect(throws: CommandFault.self) { try GitSource(text) }
            return
        }
        let source = try #require(try GitSource(text))
        #expect(
            "\(source.repository) | \(source.reference ?? "-") | \(source.folder ?? "-") | \(source.name)" == wanted)
    }

    @Test(
        "what is no repository is left to others",
        arguments: ["./notes", "/srv/notes", "notes", "a:b", "ext::sh -c x", "x.yaml"])
    func others(_ text: String) throws {
        #expect(try GitSource(text) == nil)
    }

    @Test(
        "what could lead elsewhere is refused",
        arguments: [
            "ext://host/x.git", "git://host/x.git", "ftp://host/x.git", "https://host/x.git#--upload-pack=touch",
            "https://host/x.git#main:../../etc", "https://host/x.git#main:.git/hooks", "https://ho st/x.git",
        ])
    func refused(_ text: String) {
        let fault = #expect(throws: CommandFault.self) { try GitSource(text) }
        #expect(fault?.status == CommandFault.misuse && fault?.remedy?.isEmpty == false)
    }

    @Test("a password in an address is not shown")
    func password() throws {
        for (text, shown) in [
            ("https://anna:secret@host/x.git", "https://anna:…@host/x.git"),
            ("https://anna@host/x", "https://anna@host/x"),
            ("https://host:8443/a:b@c", "https://host:8443/a:b@c"), ("git@host:x.git", "git@host:x.git"),
        ] {
            #expect(try GitSource(text)?.shown == shown)
        }
    }

    @Test("a commit is said in one line of visible characters")
    func line() {
        #expect(GitCheckout.line("12ab \u{1B}[31mred\u{202E}\ttext\n") == "12ab [31mredtext")
        #expect(GitCheckout.line(String(repeating: "é", count: 400)).unicodeScalars.count == 300)
    }
}
