//! The package's WebAssembly with a trap in it: what ships has no hook, so the bytes are changed on their way to the browser.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow};
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, GlobalSection, GlobalType, Instruction as I, Module, ValType,
};
use wasmparser::{ExternalKind, FunctionBody, GlobalSectionReader, Parser, Payload};

/// `messages.js`: something was stored, or was not.
pub const STORED: i32 = 16;

/// When an instance traps; another one counts from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// When it is told of its n-th event.
    Track(i32),
    /// When it is told what this message says for the n-th time.
    Told(i32, i32),
}

/// The module with a trap in it.
///
/// # Errors
/// When the bytes are no module with the core's exports.
pub fn set(wasm: &[u8], trap: Trap) -> Result<Vec<u8>> {
    let found = Found::read(wasm)?;
    let (calls, first, is_fresh) = (found.globals, found.globals + 1, found.globals + 2);
    let trap_at = |n| {
        let count = [I::GlobalGet(calls), I::I32Const(1), I::I32Add, I::GlobalSet(calls)];
        let compare =
            [I::GlobalGet(calls), I::I32Const(n), I::I32Eq, I::If(BlockType::Empty), I::Unreachable, I::End];
        count.into_iter().chain(compare)
    };
    let mut added = BTreeMap::new();
    match trap {
        Trap::Track(n) => {
            added.insert(found.body("track")?, trap_at(n).collect());
        }
        Trap::Told(message, n) => {
            // The first word of a message says what it is.
            let note = [
                I::GlobalGet(is_fresh),
                I::If(BlockType::Empty),
                I::LocalGet(0),
                I::GlobalSet(first),
                I::I32Const(0),
                I::GlobalSet(is_fresh),
                I::End,
            ];
            let is_meant =
                [I::I32Const(1), I::GlobalSet(is_fresh), I::GlobalGet(first), I::I32Const(message), I::I32Eq];
            let inside = std::iter::once(I::If(BlockType::Empty)).chain(trap_at(n)).chain([I::End]);
            added.insert(found.body("push")?, note.into());
            added.insert(found.body("tell")?, is_meant.into_iter().chain(inside).collect());
        }
    }
    let mut module = Module::new();
    Patch { added, next: 0 }
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| anyhow!("the module cannot be changed: {error}"))?;
    Ok(module.finish())
}

/// What has to be known of a module before it is changed.
#[derive(Default)]
struct Found {
    /// Imported functions: they have no body.
    imported: u32,
    globals: u32,
    exports: BTreeMap<String, u32>,
}

impl Found {
    fn read(wasm: &[u8]) -> Result<Self> {
        let mut found = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => found.imported = section.count(),
                Payload::GlobalSection(section) => found.globals = section.count(),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            found.exports.insert(export.name.to_owned(), export.index);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn body(&self, export: &str) -> Result<u32> {
        let function = self.exports.get(export).with_context(|| format!("no export `{export}`"))?;
        function.checked_sub(self.imported).context("the export is an import")
    }
}

/// Copies a module with more globals, and with more instructions at the beginning of some bodies.
struct Patch {
    added: BTreeMap<u32, Vec<I<'static>>>,
    next: u32,
}

impl Reencode for Patch {
    type Error = std::convert::Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        wasm_encoder::reencode::utils::parse_global_section(self, globals, section)?;
        // Calls, the first word, and whether the next word is the first.
        for value in [0, 0, 1] {
            let kind = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
            globals.global(kind, &ConstExpr::i32_const(value));
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        for instruction in self.added.get(&self.next).into_iter().flatten() {
            function.instruction(instruction);
        }
        self.next += 1;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            function.instruction(&self.parse_instruction(&mut reader)?);
        }
        code.function(&function);
        Ok(())
    }
}
