/*
 * command.c
 *		Oracle's command codes, oct= in the trace.
 *
 * Readers of 10046 files group statements by these numbers.  They are those
 * of Oracle's V$SQLCOMMAND (AUDIT_ACTIONS), for the statement of the same
 * kind; 0 where Oracle has nothing like it.
 */
#include "postgres.h"

#include "nodes/parsenodes.h"

#include "extension/command.h"

uint32
pgt_command_of_operation(CmdType operation)
{
	switch (operation)
	{
		case CMD_INSERT:
			return 2;
		case CMD_SELECT:
			return 3;
		case CMD_UPDATE:
			return 6;
		case CMD_DELETE:
			return 7;
		case CMD_MERGE:
			return 189;
		default:
			return 0;
	}
}

static uint32
command_of_transaction(const TransactionStmt *statement)
{
	switch (statement->kind)
	{
		case TRANS_STMT_BEGIN:
		case TRANS_STMT_START:
			return 48;			/* SET TRANSACTION */
		case TRANS_STMT_COMMIT:
		case TRANS_STMT_COMMIT_PREPARED:
			return 44;
		case TRANS_STMT_ROLLBACK:
		case TRANS_STMT_ROLLBACK_TO:
		case TRANS_STMT_ROLLBACK_PREPARED:
			return 45;
		case TRANS_STMT_SAVEPOINT:
			return 46;
		default:
			return 0;
	}
}

static uint32
command_of_drop(const DropStmt *statement)
{
	switch (statement->removeType)
	{
		case OBJECT_TABLE:
			return 12;
		case OBJECT_INDEX:
			return 10;
		case OBJECT_VIEW:
			return 22;
		case OBJECT_SEQUENCE:
			return 16;
		case OBJECT_FUNCTION:
			return 93;
		case OBJECT_PROCEDURE:
			return 70;
		case OBJECT_TRIGGER:
			return 61;
		default:
			return 0;
	}
}

uint32
pgt_command_of_utility(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_TransactionStmt:
			return command_of_transaction((const TransactionStmt *) statement);
		case T_DropStmt:
			return command_of_drop((const DropStmt *) statement);
		case T_CreateStmt:
		case T_CreateTableAsStmt:
			return 1;
		case T_IndexStmt:
			return 9;
		case T_CreateSeqStmt:
			return 13;
		case T_AlterSeqStmt:
			return 14;
		case T_AlterTableStmt:
			return 15;
		case T_GrantStmt:
		case T_GrantRoleStmt:
			return 17;
		case T_ViewStmt:
			return 21;
		case T_LockStmt:
			return 26;
		case T_RenameStmt:
			return 28;
		case T_CommentStmt:
			return 29;
		case T_AlterDatabaseStmt:
		case T_AlterDatabaseSetStmt:
			return 35;
		case T_VariableSetStmt:
			return 42;			/* ALTER SESSION */
		case T_DoStmt:
			return 47;			/* PL/SQL EXECUTE */
		case T_ExplainStmt:
			return 50;
		case T_CreateRoleStmt:
			return ((const CreateRoleStmt *) statement)->stmt_type ==
				ROLESTMT_USER ? 51 : 52;
		case T_AlterRoleStmt:
			return 43;			/* ALTER USER */
		case T_DropRoleStmt:
			return 53;
		case T_CreateSchemaStmt:
			return 56;
		case T_CreateTrigStmt:
			return 59;
		case T_VacuumStmt:
			return 62;			/* ANALYZE TABLE */
		case T_TruncateStmt:
			return 85;
		case T_CreateFunctionStmt:
			return 91;
		case T_CallStmt:
			return 170;			/* CALL METHOD */
		default:
			return 0;
	}
}
