import LabCore
import LabService
import LabState

/// An app of the catalog, as lists show it.
struct CatalogItem: Codable, Sendable {
    let name: String
    let title: String
    let category: String
    let summary: String
    /// What it is of use with.
    let apps: [String]
    /// Bytes of memory that the machine should have for it; nil where that is not said.
    let memory: Int64?

    init(_ entry: Catalog.Entry) {
        name = entry.name.text
        title = entry.block.title ?? entry.name.text
        category = entry.block.category ?? ""
        summary = entry.block.summary ?? ""
        apps = entry.block.requirements.apps
        memory = entry.block.requirements.memory
    }

    /// Whether every word stands somewhere in what is shown.
    func contains(_ words: [String]) -> Bool {
        let text = "\(name) \(title) \(category) \(summary)".lowercased()
        return words.allSatisfy { text.contains($0.lowercased()) }
    }
}

/// `GET /v1/catalog`
struct ListCatalog: Operation {
    struct Input: Codable, Sendable {
        let search: String?
        let category: String?
    }

    struct Output: Codable, Sendable {
        let items: [CatalogItem]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "catalog.list", "The apps that come ready to be deployed by their names.", safety: .read, .get,
            "/v1/catalog", phrases: ["which apps are there?", "find an app for {search}"],
            fields: [
                "search": "Words that all stand in its name, title or sentence.", "category": "Only of this group.",
            ])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let words = (input.search ?? "").split(separator: " ").map(String.init)
        let items = await Catalog(call.lab.settings).entries().map(CatalogItem.init)
        return Output(
            items: items.filter { item in
                item.contains(words)
                    && (input.category.map { $0.lowercased() == item.category.lowercased() } ?? true)
            })
    }
}

/// `GET /v1/catalog/{name}`
struct GetCatalogApp: Operation {
    struct Input: Codable, Sendable {
        let name: ResourceName
    }

    struct Output: Codable, Sendable {
        let item: CatalogItem
        /// The Compose file.
        let compose: String
        /// What lies beside it, by its path.
        let files: [String: String]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "catalog.get", "An app of the catalog, with its Compose file and what lies beside it.", safety: .read, .get,
            "/v1/catalog/{name}", phrases: ["show {name} of the catalog"])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let entry = try await Catalog(call.lab.settings).entry(of: try App.appName(input.name))
        return Output(item: CatalogItem(entry), compose: entry.compose, files: entry.files)
    }
}
